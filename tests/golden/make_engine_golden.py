#!/usr/bin/env python3
"""Makes engine.safetensors: what PyTorch, Hugging Face transformers and the gguf package say of the engine's operations.

    python3 -m venv VENV && VENV/bin/pip install torch transformers safetensors gguf
    VENV/bin/python tests/golden/make_engine_golden.py

Inputs are stored in the operation's storage type; results are float64, computed by others' code on the exact stored
inputs widened to float64. Sines, cosines and what RMSNorm gives are float32, as Hugging Face models compute them. Versions used for the
committed file are in its metadata.
"""

from pathlib import Path

import gguf
import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import save_file
from transformers import LlamaConfig
from transformers.models.gptj.modeling_gptj import apply_rotary_pos_emb as apply_interleaved
from transformers.models.llama.modeling_llama import (
    LlamaDecoderLayer, LlamaMLP, LlamaRotaryEmbedding, apply_rotary_pos_emb, repeat_kv,
)

DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192, "rope_theta": 500000.0,
}
POSITIONS = [0, 1, 517, 8191, 131071]
QUANTS = ["Q8_0", "Q4_0", "Q4_K", "Q5_K", "Q6_K"]


def normal(*shape, dtype):
    return torch.randn(*shape, dtype=torch.float64).to(dtype)


def embedding(tensors, name, dtype):
    table, ids = normal(11, 21, dtype=dtype), torch.tensor([3, 0, 10, 3])
    tensors[f"embedding.{name}.table"] = table
    tensors[f"embedding.{name}.ids"] = ids.to(torch.int32)[:, None]
    tensors[f"embedding.{name}.y"] = F.embedding(ids, table.double())


def rope(tensors, name, dtype):
    tokens, heads, kv_heads, head_dim = len(POSITIONS), 2, 1, 64
    position_ids = torch.tensor([POSITIONS])
    for scaling, parameters in (("plain", {"rope_type": "default", "rope_theta": 10000.0}), ("llama3", LLAMA3)):
        config = LlamaConfig(
            hidden_size=heads * head_dim, num_attention_heads=heads, num_key_value_heads=kv_heads,
            max_position_embeddings=131072, rope_parameters=parameters,
        )
        module = LlamaRotaryEmbedding(config)
        q = normal(tokens, heads * head_dim, dtype=dtype)
        k = normal(tokens, kv_heads * head_dim, dtype=dtype)
        cos, sin = module(torch.zeros(1, dtype=torch.float32), position_ids)
        split = lambda x, n: x.double().view(1, tokens, n, head_dim).transpose(1, 2)
        q_out, k_out = apply_rotary_pos_emb(split(q, heads), split(k, kv_heads), cos.double(), sin.double())
        prefix = f"rope.{name}.{scaling}"
        join = lambda x: x.transpose(1, 2).reshape(tokens, -1)
        tensors |= {f"{prefix}.q": q, f"{prefix}.k": k, f"{prefix}.frequencies": module.inv_freq.float()[None]}
        tensors |= {f"{prefix}.q_out": join(q_out), f"{prefix}.k_out": join(k_out)}
        # GPT-J pairs neighbours, as Llama's GGUF files do.
        half = head_dim // 2
        interleaved = lambda x, n: apply_interleaved(
            x.double().view(1, tokens, n, head_dim), sin.double()[..., :half], cos.double()[..., :half]
        ).reshape(tokens, -1)
        tensors |= {f"{prefix}.q_interleaved": interleaved(q, heads), f"{prefix}.k_interleaved": interleaved(k, kv_heads)}
    tensors["rope.positions"] = torch.tensor(POSITIONS, dtype=torch.int32)[:, None]


def attention(tensors, name, dtype):
    heads, kv_heads, capacity = 6, 2, 37
    for head_dim in (64, 80):
        rows, past = 5, 20
        q = normal(rows, heads * head_dim, dtype=dtype)
        k, v = (normal(kv_heads * capacity, head_dim, dtype=dtype) for _ in range(2))
        cache = lambda x, n: repeat_kv(x.double().view(1, kv_heads, capacity, head_dim)[:, :, :n], heads // kv_heads)
        queries = q.double().view(1, rows, heads, head_dim).transpose(1, 2)
        seen = past + rows
        mask = torch.arange(seen)[None, :] <= past + torch.arange(rows)[:, None]
        y = F.scaled_dot_product_attention(queries, cache(k, seen), cache(v, seen), attn_mask=mask)
        prefix = f"attention.{name}.{head_dim}"
        tensors |= {f"{prefix}.q": q, f"{prefix}.k": k, f"{prefix}.v": v}
        tensors[f"{prefix}.prefill"] = y.transpose(1, 2).reshape(rows, -1)
        # One query on each of the lengths 1, 23 and the capacity.
        decode = [
            F.scaled_dot_product_attention(queries[:, :, i : i + 1], cache(k, n), cache(v, n)).reshape(1, -1)
            for i, n in enumerate((1, 23, capacity))
        ]
        tensors[f"{prefix}.decode"] = torch.cat(decode)


def linear(tensors, name, dtype):
    weight, x = normal(7, 72, dtype=dtype), normal(3, 72, dtype=dtype)
    bias, residual = normal(1, 7, dtype=dtype), normal(3, 7, dtype=dtype)
    tensors |= {f"linear.{name}.weight": weight, f"linear.{name}.x": x, f"linear.{name}.bias": bias}
    tensors[f"linear.{name}.residual"] = residual
    tensors[f"linear.{name}.y"] = F.linear(x.double(), weight.double())
    tensors[f"linear.{name}.y_all"] = F.linear(x.double(), weight.double(), bias.double()[0]) + residual.double()


def fused(tensors, name, dtype):
    """One token of a decoder layer of transformers in float64, whose norms are float32's: the norm, then the projections
    and RoPE, or the MLP."""
    hidden, heads, kv_heads, head_dim, wide, position = 72, 4, 2, 18, 11, 517
    config = LlamaConfig(
        hidden_size=hidden, num_attention_heads=heads, num_key_value_heads=kv_heads, head_dim=head_dim,
        intermediate_size=wide, rms_norm_eps=1e-5, attention_bias=True, max_position_embeddings=131072,
        rope_parameters=LLAMA3,
    )
    layer, rotary = LlamaDecoderLayer(config, 0).double(), LlamaRotaryEmbedding(config)
    stored = {key: normal(*value.shape, dtype=dtype) for key, value in layer.state_dict().items()}
    layer.load_state_dict({key: value.double() for key, value in stored.items()})
    x = (3.0 * normal(1, hidden, dtype=torch.float64)).to(dtype)
    attention, projections = layer.self_attn, [f"self_attn.{which}_proj" for which in "qkv"]
    cos, sin = rotary(torch.zeros(1, dtype=torch.float32), torch.tensor([[position]]))
    normed = layer.input_layernorm(x.double())
    split = lambda projection, n: projection(normed).view(1, 1, n, head_dim).transpose(1, 2)
    q, k = apply_rotary_pos_emb(
        split(attention.q_proj, heads), split(attention.k_proj, kv_heads), cos.double(), sin.double()
    )
    prefix = f"fused.{name}"
    tensors |= {f"{prefix}.x": x, f"{prefix}.frequencies": rotary.inv_freq.float()[None]}
    tensors |= {f"{prefix}.attention_norm": stored["input_layernorm.weight"][None]}
    tensors |= {f"{prefix}.mlp_norm": stored["post_attention_layernorm.weight"][None]}
    tensors[f"{prefix}.qkv"] = torch.cat([stored[f"{part}.weight"] for part in projections])
    tensors[f"{prefix}.bias"] = torch.cat([stored[f"{part}.bias"] for part in projections])[None]
    tensors[f"{prefix}.gate_up"] = torch.cat([stored[f"mlp.{part}_proj.weight"] for part in ("gate", "up")])
    tensors |= {f"{prefix}.q": q.reshape(1, -1), f"{prefix}.k": k.reshape(kv_heads, -1)}
    tensors[f"{prefix}.v"] = attention.v_proj(normed).reshape(kv_heads, -1)
    normed = layer.post_attention_layernorm(x.double())
    tensors[f"{prefix}.activated"] = layer.mlp.act_fn(layer.mlp.gate_proj(normed)) * layer.mlp.up_proj(normed)
    tensors["fused.position"] = torch.tensor([[position]], dtype=torch.int32)


def gated(tensors, name, dtype):
    """Gate, up and activation of several tokens by the MLP of transformers in float64."""
    hidden, wide = 72, 11
    mlp = LlamaMLP(LlamaConfig(hidden_size=hidden, num_attention_heads=4, intermediate_size=wide)).double()
    stored = {key: normal(*value.shape, dtype=dtype) for key, value in mlp.state_dict().items()}
    mlp.load_state_dict({key: value.double() for key, value in stored.items()})
    x = normal(5, hidden, dtype=dtype)
    prefix = f"gated.{name}"
    tensors |= {f"{prefix}.x": x, f"{prefix}.weight": torch.cat([stored[f"{part}_proj.weight"] for part in ("gate", "up")])}
    tensors[f"{prefix}.y"] = mlp.act_fn(mlp.gate_proj(x.double())) * mlp.up_proj(x.double())


def quantised(tensors):
    """Random blocks, not quantised weights: every bit pattern of a block counts. Scales (f16) are kept finite and small."""
    for quant in QUANTS:
        kind = gguf.GGMLQuantizationType[quant]
        block, size = gguf.GGML_QUANT_SIZES[kind]
        rows, blocks = 4, 512 // block
        data = torch.randint(0, 256, (rows, blocks, size), dtype=torch.uint8)
        scales = (torch.rand(rows, blocks, 2, dtype=torch.float64) * 0.02 - 0.01).to(torch.float16).view(torch.uint8)
        if quant == "Q6_K":
            data[..., -2:] = scales[..., :2]
        elif quant in ("Q4_K", "Q5_K"):
            data[..., :4] = scales
        else:
            data[..., :2] = scales[..., :2]
        data = data.reshape(rows, -1)
        tensors[f"quant.{quant}.data"] = data
        tensors[f"quant.{quant}.values"] = torch.from_numpy(gguf.dequantize(data.numpy(), kind)).double()


def main():
    torch.manual_seed(20261125)
    tensors = {}
    for name, dtype in DTYPES.items():
        for section in (embedding, rope, attention, linear):
            section(tensors, name, dtype)
    quantised(tensors)
    # Behind the others, whose random numbers stay what they were.
    for name, dtype in DTYPES.items():
        fused(tensors, name, dtype)
    for name in ("f16", "bf16"):
        gated(tensors, name, DTYPES[name])
    tensors = {name: tensor.detach() for name, tensor in tensors.items()}
    path = Path(__file__).with_name("engine.safetensors")
    metadata = {"torch": torch.__version__, "transformers": transformers.__version__}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata=metadata)
    print(f"{path.name}: {len(tensors)} tensors, {path.stat().st_size} bytes, {metadata}")


if __name__ == "__main__":
    main()

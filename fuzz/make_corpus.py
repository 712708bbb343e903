#!/usr/bin/env python3
"""Makes the seeds in `corpus`: small whole files, from which fuzzing starts.

    VENV/bin/python fuzz/make_corpus.py          needs the packages gguf, numpy and safetensors

Random numbers have a fixed seed, so that the same packages make the same files.
"""

import json
import shutil
import sys
from pathlib import Path

import gguf
import numpy
from gguf import GGMLQuantizationType as Q
from gguf import TokenType
from safetensors.numpy import save

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests/fixtures/models"))
from random_gguf import write  # noqa: E402

SHAPE = dict(layers=1, hidden=32, intermediate=32, heads=2, kv_heads=1, head_dim=16, vocab=4)
FILES = {"f16": (SHAPE, Q.F16), "q8_0": (SHAPE, Q.Q8_0), "q4_0": (SHAPE, Q.Q4_0)}

CONFIG = dict(model_type="llama", architectures=["LlamaForCausalLM"], hidden_act="silu", hidden_size=8, head_dim=4,
              intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, vocab_size=4,
              max_position_embeddings=64, rms_norm_eps=1e-5, rope_theta=10000.0, tie_word_embeddings=True)


def tensors(config, qk_norm, qkv_bias, tied):
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    query, keys = config["num_attention_heads"] * 4, config["num_key_value_heads"] * 4
    layer = "model.layers.0."
    shapes = {"model.embed_tokens.weight": (4, hidden), "model.norm.weight": (hidden,),
              layer + "input_layernorm.weight": (hidden,), layer + "post_attention_layernorm.weight": (hidden,),
              layer + "self_attn.q_proj.weight": (query, hidden), layer + "self_attn.k_proj.weight": (keys, hidden),
              layer + "self_attn.v_proj.weight": (keys, hidden), layer + "self_attn.o_proj.weight": (hidden, query),
              layer + "mlp.gate_proj.weight": (inner, hidden), layer + "mlp.up_proj.weight": (inner, hidden),
              layer + "mlp.down_proj.weight": (hidden, inner)}
    if qk_norm:
        shapes |= {layer + "self_attn.q_norm.weight": (4,), layer + "self_attn.k_norm.weight": (4,)}
    if qkv_bias:
        shapes |= {layer + f"self_attn.{name}_proj.bias": (size,) for name, size in (("q", query), ("k", keys), ("v", keys))}
    if not tied:
        shapes["lm_head.weight"] = (4, hidden)
    return {name: numpy.zeros(shape, dtype=numpy.float32) for name, shape in shapes.items()}


def directories(folder):
    llama3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                  original_max_position_embeddings=32)
    made = {
        "llama": (CONFIG | dict(rope_scaling=llama3), False, False, True),
        "mistral": (CONFIG | dict(model_type="mistral", architectures=["MistralForCausalLM"],
                                  tie_word_embeddings=False, sliding_window=None), False, False, False),
        "qwen2": (CONFIG | dict(model_type="qwen2", architectures=["Qwen2ForCausalLM"]), False, True, True),
        "qwen3": (CONFIG | dict(model_type="qwen3", architectures=["Qwen3ForCausalLM"],
                                rope_parameters=dict(rope_type="linear", rope_theta=1e6, factor=4.0)), True, False, True),
    }
    for name, (config, *rest) in made.items():
        text = json.dumps(config).encode()
        (folder / name).write_bytes(len(text).to_bytes(2, "little") + text + save(tensors(config, *rest)))


def vocabulary(path, model, tokens, types, scores=None, merges=None, pre=None, template=None):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model(model)
    if pre:
        writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    if scores:
        writer.add_token_scores(scores)
    if merges:
        writer.add_token_merges(merges)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    if template:
        writer.add_chat_template(template)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def tokenizers(folder):
    template = "{% for m in messages %}{{ bos_token }}[{{ m.role }}] {{ m.content | trim }}{% endfor %}"
    words = ["▁", "▁he", "llo", "h", "e", "l", "o", "▁w", "or", "ld", "1", "2", "3", "\n"]
    pieces = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + words
    types = [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL] + [TokenType.BYTE] * 256
    vocabulary(folder / "spm.gguf", "llama", pieces, types + [TokenType.NORMAL] * len(words),
               scores=[-float(at) for at in range(len(pieces))], template=template)
    # GPT-2's letters for bytes: printable ones stand for themselves, the others come after 255.
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(byte) for byte in kept] + [chr(256 + at) for at in range(256 - len(kept))]
    merged = ["he", "ll", "llo", "hello", "Ġw", "or"]
    merges = ["h e", "l l", "ll o", "he llo", "Ġ w", "o r"]
    tokens = ["<|a|>", "<|bos|>", "<|eos|>"] + letters + merged
    types = [TokenType.CONTROL] * 3 + [TokenType.NORMAL] * (len(tokens) - 3)
    for pre in ("default", "llama-bpe", "qwen2", "gpt-2"):
        vocabulary(folder / f"bpe-{pre}.gguf", "gpt2", tokens, types, merges=merges, pre=pre, template=template)


def main():
    for target in ("gguf", "hugging_face", "gguf_tokenizer"):
        shutil.rmtree(HERE / "corpus" / target, ignore_errors=True)
        (HERE / "corpus" / target).mkdir(parents=True)
    for name, (shape, kind) in FILES.items():
        write(HERE / "corpus/gguf" / f"{name}.gguf", shape, kind)
    directories(HERE / "corpus/hugging_face")
    tokenizers(HERE / "corpus/gguf_tokenizer")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes operations.safetensors: what PyTorch and Hugging Face transformers say of the operations.

    python3 -m venv VENV && VENV/bin/pip install torch transformers safetensors numpy
    VENV/bin/python tests/golden/make_golden.py

Inputs are stored in the operation's storage type; results are float64, computed by PyTorch on the exact stored
inputs widened to float64, so that no rounding of PyTorch's own is in them. Masks come from Hugging Face's logits
warpers on float64 scores. Versions used for the committed file are in its metadata.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import save_file
from transformers.generation.logits_process import (
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)
from transformers.models.llama.modeling_llama import LlamaRMSNorm

DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
# Temperature, k, p, min_p; 0 and 1 mean "off" as in the contract.
SAMPLERS = [
    (1.0, 0, 1.0, 0.0),
    (0.7, 0, 1.0, 0.0),
    (1.0, 40, 1.0, 0.0),
    (1.0, 0, 0.9, 0.0),
    (1.3, 0, 0.5, 0.0),
    (0.8, 50, 0.9, 0.0),
    (1.0, 0, 1.0, 0.05),
    (0.9, 30, 0.95, 0.02),
    (1.0, 1, 1.0, 0.0),
    (1.0, 0, 0.0, 0.0),
]


def llama_rms_norm(x, weight, eps):
    """LlamaRMSNorm in float64, which it computes in float32 unless the module is told otherwise: checked against
    torch's own function first, so that a difference between the two cannot hide."""
    module = LlamaRMSNorm(x.shape[-1], eps=eps)
    module.weight.data = weight.float()
    reference = F.rms_norm(x, (x.shape[-1],), weight, eps)
    torch.testing.assert_close(module(x.float()).double(), reference, rtol=1e-5, atol=1e-5)
    return reference


def main():
    torch.manual_seed(20261123)
    tensors = {}
    for name, dtype in DTYPES.items():
        for columns in (7, 64, 129):
            prefix = f"rms_norm.{name}.{columns}"
            x = (torch.randn(3, columns, dtype=torch.float64) * 2).to(dtype)
            residual = torch.randn(3, columns, dtype=torch.float64).to(dtype)
            weight = (1 + 0.1 * torch.randn(1, columns, dtype=torch.float64)).to(dtype)
            tensors[f"{prefix}.x"] = x
            tensors[f"{prefix}.residual"] = residual
            tensors[f"{prefix}.weight"] = weight
            tensors[f"{prefix}.y"] = llama_rms_norm(x.double(), weight.double()[0], 1e-5)
            # The residual stream is stored before it is normalised, as every engine does.
            hidden = (x.double() + residual.double()).to(dtype)
            tensors[f"{prefix}.residual_out"] = hidden
            tensors[f"{prefix}.residual_y"] = llama_rms_norm(hidden.double(), weight.double()[0], 1e-5)

            prefix = f"swiglu.{name}.{columns}"
            gate = (torch.randn(3, columns, dtype=torch.float64) * 4).to(dtype)
            up = torch.randn(3, columns, dtype=torch.float64).to(dtype)
            tensors[f"{prefix}.gate"] = gate
            tensors[f"{prefix}.up"] = up
            tensors[f"{prefix}.y"] = F.silu(gate.double()) * up.double()

        for columns, k in ((7, 3), (129, 129), (1000, 50)):
            # Distinct values: torch documents no order among ties.
            ladder = torch.stack([torch.randperm(columns) for _ in range(3)]).double()
            logits = (ladder - columns / 2).to(dtype)
            assert all(row.unique().numel() == columns for row in logits) or name == "bf16"
            values, indices = torch.topk(logits.double(), k, dim=-1, largest=True, sorted=True)
            prefix = f"top_k.{name}.{columns}"
            tensors[f"{prefix}.logits"] = logits
            tensors[f"{prefix}.values"] = values
            if name != "bf16":
                tensors[f"{prefix}.indices"] = indices.to(torch.int32)

        logits = (torch.randn(4, 257, dtype=torch.float64) * 3).to(dtype)
        tensors[f"sampler.{name}.logits"] = logits
        for number, (temperature, k, p, min_p) in enumerate(SAMPLERS):
            scores = logits.double()
            ids = torch.zeros(4, 1, dtype=torch.long)
            if temperature != 1.0:
                scores = TemperatureLogitsWarper(temperature)(ids, scores)
            if k > 0:
                scores = TopKLogitsWarper(k)(ids, scores)
            if p < 1.0:
                scores = TopPLogitsWarper(p)(ids, scores)
            if min_p > 0.0:
                scores = MinPLogitsWarper(min_p)(ids, scores)
            tensors[f"sampler.{name}.{number}.probabilities"] = torch.softmax(scores, dim=-1)
    for number, settings in enumerate(SAMPLERS):
        tensors[f"sampler.{number}.settings"] = torch.tensor(settings, dtype=torch.float64)
    path = Path(__file__).with_name("operations.safetensors")
    metadata = {"torch": torch.__version__, "transformers": transformers.__version__}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata=metadata)
    print(f"{path.name}: {len(tensors)} tensors, {path.stat().st_size} bytes, {metadata}")


if __name__ == "__main__":
    main()

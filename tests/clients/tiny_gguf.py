"""Writes a tiny Llama of random weights for llama.cpp: `tiny_gguf.py OUT.gguf` (1.4 MB; needs gguf, tokenizers, numpy).

Its words mean nothing, but all around them is real: a byte-level tokenizer, a chat template with tools, an end of turn
after some twenty tokens. Dimension 0 of the embedding is constant, so its row of the output is a bias per token: it
makes the end of a turn likely, and special tokens impossible unless `logit_bias` asks for them (5 begins a tool call).
"""

import glob
import json
import sys
import sysconfig

import gguf
import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIAL = [
    "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
    "<tool_call>", "</tool_call>",
]  # fmt: skip
END_OF_TURN = 4
WIDTH, INNER, LAYERS, HEADS, CONTEXT, VOCABULARY = 64, 128, 2, 4, 4096, 2048


def head(role: str) -> str:
    return f"<|start_header_id|>{role}<|end_header_id|>\n\n"


TEMPLATE = (
    "{{ bos_token }}{%- if tools %}" + head("system") + "# Tools\n<tools>{% for t in tools %}\n{{ t | tojson }}"
    "{% endfor %}\n</tools>\nFor each function call return a json object within <tool_call></tool_call> tags:\n"
    '<tool_call>{"name": <function-name>, "arguments": <args-json-object>}</tool_call><|eot_id|>{%- endif %}'
    "{%- for m in messages %}{%- if m.role in ['user', 'system'] %}" + head("{{ m.role }}") + "{{ m.content }}<|eot_id|>"
    "{%- elif m.role == 'assistant' %}" + head("assistant") + "{{ m.content or '' }}{% for c in m.tool_calls or [] %}\n"
    '<tool_call>{"name": "{{ c.function.name }}", "arguments": {% if c.function.arguments is string %}'
    "{{ c.function.arguments }}{% else %}{{ c.function.arguments | tojson }}{% endif %}}</tool_call>{% endfor %}<|eot_id|>"
    "{%- elif m.role == 'tool' %}" + head("user") + "<tool_response>\n{{ m.content }}\n</tool_response><|eot_id|>"
    "{%- endif %}{%- endfor %}{%- if add_generation_prompt %}" + head("assistant") + "{% endif %}"
)  # fmt: skip


def vocabulary() -> tuple[list[str], list[str]]:
    """Tokens in order, and merges, trained on the standard library's own text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train(sorted(glob.glob(sysconfig.get_paths()["stdlib"] + "/*.py"))[:60], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in model["merges"]]
    return sorted(model["vocab"], key=model["vocab"].get), merges


def weights(size: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)

    def random(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) * 0.02).astype(np.float32)

    ones = np.ones(WIDTH, np.float32)
    embedding, output = random(size, WIDTH), random(size, WIDTH)
    embedding[:, 0], output[:, 0] = 0.16, 0
    output[: len(SPECIAL), 0] = -1.0
    output[END_OF_TURN, 0] = 0.20
    found = {"token_embd": embedding, "output_norm": ones, "output": output}
    for layer in range(LAYERS):
        square = {f"attn_{part}": random(WIDTH, WIDTH) for part in ("q", "k", "v", "output")}
        inner = {"ffn_gate": random(INNER, WIDTH), "ffn_up": random(INNER, WIDTH), "ffn_down": random(WIDTH, INNER)}
        for name, tensor in {"attn_norm": ones, "ffn_norm": ones, **square, **inner}.items():
            found[f"blk.{layer}.{name}"] = tensor
    return found


def write(path: str) -> None:
    tokens, merges = vocabulary()
    out = gguf.GGUFWriter(path, "llama")
    out.add_name("tiny-random-llama")
    out.add_context_length(CONTEXT)
    out.add_embedding_length(WIDTH)
    out.add_block_count(LAYERS)
    out.add_feed_forward_length(INNER)
    out.add_head_count(HEADS)
    out.add_head_count_kv(HEADS)
    out.add_layer_norm_rms_eps(1e-6)
    out.add_rope_dimension_count(WIDTH // HEADS)
    out.add_rope_freq_base(10000.0)
    out.add_file_type(0)
    out.add_vocab_size(len(tokens))
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("gpt-2")
    out.add_token_list(tokens)
    control, user_defined, normal = 3, 4, 1
    kinds = [control] * 5 + [user_defined] * 2 + [normal] * (len(tokens) - len(SPECIAL))
    out.add_token_types(kinds)
    out.add_token_merges(merges)
    out.add_bos_token_id(0)
    out.add_eos_token_id(END_OF_TURN)
    out.add_add_bos_token(False)
    out.add_chat_template(TEMPLATE)
    for name, tensor in weights(len(tokens)).items():
        out.add_tensor(f"{name}.weight", tensor)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


write(sys.argv[1])

"""Writes a tiny Llama of random weights for transformers: `tiny_hf.py FOLDER` (needs torch and transformers)."""

import glob
import sys
import sysconfig

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SPECIAL = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
TEMPLATE = (
    "{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>{{ m.content }}<|eot_id|>{% endfor %}"
    "<|start_header_id|>assistant<|end_header_id|>"
)

tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
alphabet = pre_tokenizers.ByteLevel.alphabet()
trainer = trainers.BpeTrainer(vocab_size=2048, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False)
tokenizer.train(sorted(glob.glob(sysconfig.get_paths()["stdlib"] + "/*.py"))[:60], trainer)
fast = PreTrainedTokenizerFast(
    tokenizer_object=tokenizer, bos_token=SPECIAL[0], eos_token=SPECIAL[4], pad_token=SPECIAL[1]
)
fast.chat_template = TEMPLATE
fast.save_pretrained(sys.argv[1])

torch.manual_seed(7)
config = LlamaConfig(
    vocab_size=2048, hidden_size=128, intermediate_size=256, num_hidden_layers=2, num_attention_heads=2,
    num_key_value_heads=2, max_position_embeddings=2048, bos_token_id=0, eos_token_id=4, pad_token_id=1,
)  # fmt: skip
LlamaForCausalLM(config).save_pretrained(sys.argv[1])

"""A Creative LLM from scratch: a small Llama with a vocabulary of its own, for machines without a GPU.

It learns in minutes on two cores what to say to whom, where a pretrained LLM of 135 M parameters with adapters had not
begun to listen to the soft token after an hour (docs/log.md). It writes only in the manner of its examples.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from creator.engine.quiet import quiet_transformers

HEAD_WIDTH = 64


def make_llm(folder: Path, texts: Iterable[str], *, width: int, layers: int, vocabulary: int, seed: int) -> Path:
    """Write an untrained causal LM and its tokenizer as a Hugging Face folder.

    Args:
        folder: where to; made.
        texts: what the tokenizer (byte-level BPE: any text can be read) is trained on.
        width: D, a multiple of 64.
        layers: how many.
        vocabulary: tokens, at most.
        seed: of the weights.

    Returns:
        the folder.
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    words = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    words.save_pretrained(folder)
    torch.manual_seed(seed)
    llm = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(words),
            hidden_size=width,
            intermediate_size=width * 8 // 3 // 64 * 64,
            num_hidden_layers=layers,
            num_attention_heads=width // HEAD_WIDTH,
            num_key_value_heads=width // HEAD_WIDTH,
            max_position_embeddings=2048,
            tie_word_embeddings=True,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=1,
        )
    )
    with quiet_transformers():
        llm.save_pretrained(folder)
    return folder

"""Make the trainer's files in this folder, with the trainers' own code; see README.md.

Run in an environment of its own, where torch, transformers, trl, tensorboard, tensorboardX,
torchtune and llamafactory are installed: python make.py WHAT OUT
"""

from __future__ import annotations

import sys
from pathlib import Path


def model_and_data(vocabulary: int = 64, rows: int = 64):
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(7)
    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=32,
        n_embd=16,
        n_layer=1,
        n_head=2,
        bos_token_id=0,
        eos_token_id=0,
    )
    generator = torch.Generator().manual_seed(7)
    starts = torch.randint(0, vocabulary, (rows, 1), generator=generator)
    ids = (starts + torch.arange(16)) % vocabulary
    data = [{"input_ids": row, "labels": row.clone()} for row in ids]
    return GPT2LMHeadModel(config), data


def arguments(out: Path, **more):
    from transformers import TrainingArguments

    settings = {
        "output_dir": str(out),
        "max_steps": 60,
        "per_device_train_batch_size": 4,
        "learning_rate": 1e-2,
        "logging_steps": 5,
        "eval_strategy": "steps",
        "eval_steps": 20,
        "save_strategy": "steps",
        "save_steps": 20,
        "report_to": "tensorboard",
        "use_cpu": True,
        "seed": 7,
    }
    return TrainingArguments(**{**settings, **more})


def hf(out: Path) -> None:
    """The Trainer of transformers: its output, trainer_state.json and TensorBoard files."""
    from transformers import Trainer

    model, data = model_and_data()
    trainer = Trainer(
        model=model, args=arguments(out), train_dataset=data[:48], eval_dataset=data[48:]
    )
    trainer.train()
    trainer.save_state()


def hf_plain(out: Path) -> None:
    """The same without progress bars: lines of dictionaries and nothing else."""
    from transformers import Trainer

    model, data = model_and_data()
    args = arguments(
        out, disable_tqdm=True, report_to="none", eval_strategy="no", save_strategy="no"
    )
    Trainer(model=model, args=args, train_dataset=data).train()


def hf_verbose(out: Path) -> None:
    """Without bars but with what the Trainer says at its beginning, as LLaMA-Factory shows it."""
    import transformers

    transformers.utils.logging.set_verbosity_info()
    transformers.utils.logging.enable_explicit_format()
    model, data = model_and_data()
    more = {"disable_tqdm": True, "report_to": "none", "save_strategy": "no", "max_steps": 50}
    args = arguments(out, **more)
    transformers.Trainer(
        model=model, args=args, train_dataset=data[:48], eval_dataset=data[48:]
    ).train()


def trl(out: Path) -> None:
    """SFTTrainer of TRL with a tokenizer of single characters."""
    from datasets import Dataset
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast
    from trl import SFTConfig, SFTTrainer

    letters = "abcdefghijklmnopqrstuvwxyz .?"
    vocabulary = {"<pad>": 0, "<eos>": 1, **{c: i + 2 for i, c in enumerate(letters)}}
    base = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    base.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=base, pad_token="<pad>", eos_token="<eos>")
    model, _ = model_and_data(len(vocabulary))
    text = Dataset.from_list([{"text": letters[i % 20 : i % 20 + 8]} for i in range(64)])
    config = SFTConfig(
        output_dir=str(out),
        max_steps=40,
        per_device_train_batch_size=4,
        learning_rate=1e-2,
        logging_steps=4,
        eval_strategy="steps",
        eval_steps=20,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        bf16=False,
        seed=7,
        max_length=32,
    )
    SFTTrainer(
        model, args=config, train_dataset=text, eval_dataset=text, processing_class=tokenizer
    ).train()


def llamafactory(out: Path) -> None:
    """The callback of LLaMA-Factory that writes trainer_log.jsonl."""
    from llamafactory.train.callbacks import LogCallback
    from transformers import Trainer

    model, data = model_and_data()
    args = arguments(out, report_to="none", save_strategy="no")
    trainer = Trainer(
        model=model,
        args=args,
        train_dataset=data[:48],
        eval_dataset=data[48:],
        callbacks=[LogCallback()],
    )
    trainer.train()


def torchtune(out: Path) -> None:
    """DiskLogger of torchtune, and the same lines as its StdoutLogger prints."""
    from torchtune.training.metric_logging import DiskLogger, StdoutLogger

    disk, screen = DiskLogger(str(out), filename="torchtune.txt"), StdoutLogger()
    for step in range(1, 31):
        values = {"loss": 4.0 / step**0.5, "lr": 2e-5, "tokens_per_second_per_gpu": 900.0 + step}
        disk.log_dict(values, step=step)
        screen.log_dict(values, step=step)
    disk.close()


def tensorboard(out: Path) -> None:
    """Writers of torch and of tensorboardX, with scalars old and new, text and a histogram."""
    import tensorboardX
    from torch.utils.tensorboard import SummaryWriter

    writers = [
        (SummaryWriter(str(out / "torch")), {}),
        (tensorboardX.SummaryWriter(str(out / "x")), {}),
    ]
    writers.append((SummaryWriter(str(out / "new")), {"new_style": True}))
    for writer, style in writers:
        for step in range(40):
            writer.add_scalar(
                "train/loss", 3.0 / (1 + step), step, walltime=1_760_000_000 + step, **style
            )
            if step % 10 == 9:
                writer.add_scalar(
                    "eval/loss", 3.2 / (1 + step), step, walltime=1_760_000_000 + step, **style
                )
        writer.add_scalar("train/loss", float("nan"), 40, walltime=1_760_000_040, **style)
        writer.add_text("note", "some text", 0)
        writer.close()


def hparams(out: Path) -> None:
    """Hyperparameters as torch's SummaryWriter hands them to TensorBoard's plugin."""
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(out))
    writer.add_scalar("loss", 2.0, 1, walltime=1_760_000_000)
    given = {"lr": 0.1, "bsize": 4, "opt": "adam", "flag": True}
    writer.add_hparams(given, {"hparam/acc": 0.5}, run_name=".")
    writer.close()


if __name__ == "__main__":
    folder = Path(sys.argv[2]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    globals()[sys.argv[1]](folder)

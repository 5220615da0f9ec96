"""Fine-tune an encoder: which book is this line from? With the library's Trainer, then with a plain loop: same score.

What you will learn
    - the two steps: pre-training on text without labels (fill in hidden words), fine-tuning on a few labelled lines
    - what `from_pretrained` keeps and what it makes new
    - what the Trainer does by its settings, done in a plain loop of twenty lines: equal, number by number
    - an honest yardstick: counting words with scikit-learn
How to run it
    python 04_fine_tune_encoder.py --quick       about 25 s
    python 04_fine_tune_encoder.py               more pre-training, all labels
    python 04_fine_tune_encoder.py --model       ModernBERT (600 MB) through the same functions, or --model FOLDER
Time and memory on 2 CPU cores: quick 25 s, full 63 s; 0.9 GB.
Writes outputs/: encoder.png, base/, classifier/, trainer/ (full run)
Concepts: TRANSFORMERS_CONCEPTS_EXPLAINED.md (pre-training and fine-tuning, the trainer)
"""

import math
import random as chance

import numpy as np
import torch
from hf_utils import (
    BLUE,
    BOOKS,
    GREEN,
    GREY,
    ORANGE,
    Line,
    add_model_flag,
    count_parameters,
    load,
    load_lines,
    prepare,
    public_model,
    save_figure,
    save_model,
    seconds_of,
    train_tokenizer,
)
from matplotlib.figure import Figure

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from coursekit.seeding import seed_everything

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = add_model_flag(script_parser(__doc__), "answerdotai/ModernBERT-base")
VOCABULARY = 1_000
LONGEST = 48  # tokens of a line; the rest is cut off. Memory and time grow with it
HIDDEN_SHARE = 0.15  # of the tokens are hidden in pre-training; BERT's choice, and half of ModernBERT's
BATCH = 16
RATE, PUBLIC_RATE = 2e-3, 5e-5  # a small model learns at a rate that would ruin a large pre-trained one
LABELLED_QUICK, EPOCHS_QUICK, PRE_STEPS_QUICK = 1_000, 2, 120
LABELLED_FULL, EPOCHS_FULL, PRE_STEPS_FULL = 1_388, 3, 1_500
WARM_UP = 0.1  # share of the steps in which the rate rises

# ----------------------------------------------------------------------------------------------------------------------
# the small encoder, and its pre-training


def small_encoder(vocabulary: int, pad: int):
    """A ModernBERT made from its configuration class, with the head that fills in hidden words.

    ModernBERT (Warner 2024) is BERT with what was learnt since: rotary positions, norms in front, gated layers. It can
    also take the mean of all tokens for a line, which suits small models better than a first token that stands for all.
    """
    from transformers import ModernBertConfig, ModernBertForMaskedLM

    config = ModernBertConfig(
        vocab_size=vocabulary,
        hidden_size=64,  # C; ModernBERT: 768
        num_hidden_layers=2,  # ModernBERT: 22
        num_attention_heads=4,  # ModernBERT: 12
        intermediate_size=96,
        max_position_embeddings=64,
        classifier_pooling="mean",
        initializer_range=0.08,  # about 1 / sqrt(C) / 1.5; 0.02 is for 768 channels, and makes 64 of them start asleep
        pad_token_id=pad,
        bos_token_id=0,
        eos_token_id=0,
        cls_token_id=0,
        sep_token_id=0,
    )  # no dropout, its default: with it two trainings would be equal only by luck
    return ModernBertForMaskedLM(config)


def encode(tokenizer, texts: list[str]) -> dict[str, torch.Tensor]:
    """Pad lines to one length: `input_ids` and `attention_mask`, `[N, T]`."""
    found = tokenizer(texts, truncation=True, max_length=LONGEST, padding=True, return_tensors="pt")
    return {name: found[name] for name in ("input_ids", "attention_mask")}


def pre_train(model, tokenizer, texts: list[str], steps: int) -> list[float]:
    """Hide some tokens and let the model fill them in, by what stands on both sides. Returns the losses.

    No labels: the text is the teacher. That is why public models could read so much.
    """
    # concept: pre-training and fine-tuning
    data = encode(tokenizer, texts)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    losses = []
    for _ in range(steps):
        rows = torch.randint(len(texts), (BATCH,))
        ids, mask = data["input_ids"][rows], data["attention_mask"][rows]
        hidden = (torch.rand(ids.shape) < HIDDEN_SHARE) & (mask == 1)
        out = model(
            input_ids=ids.masked_fill(hidden, tokenizer.mask_token_id).to(model.device),
            attention_mask=mask.to(model.device),
            labels=ids.masked_fill(~hidden, -100).to(model.device),  # -100: no answer is wanted here
        )
        optimizer.zero_grad()
        out.loss.backward()
        optimizer.step()
        losses.append(out.loss.item())
    return losses


# ----------------------------------------------------------------------------------------------------------------------
# fine-tuning twice


def rows_of(tokenizer, lines: list[Line]) -> list[dict]:
    """What the Trainer wants: one dictionary for each line."""
    data = encode(tokenizer, [line.text for line in lines])
    rows = zip(data["input_ids"], data["attention_mask"], lines, strict=True)
    return [{"input_ids": ids, "attention_mask": mask, "labels": line.label} for ids, mask, line in rows]


def classifier(folder):
    """Load an encoder with a new head of four classes. The head is random, so the seed decides about it."""
    from transformers import AutoModelForSequenceClassification

    names = {"id2label": dict(enumerate(BOOKS)), "label2id": {book: place for place, book in enumerate(BOOKS)}}
    return load(AutoModelForSequenceClassification, folder, num_labels=len(BOOKS), **names)


def with_trainer(model, rows: list[dict], epochs: int, rate: float, out, device):
    """Fine-tune with the library's Trainer. Every setting that matters is named here; the plain loop does the same."""
    # concept: the trainer
    from transformers import Trainer, TrainingArguments

    arguments = TrainingArguments(
        output_dir=str(out),
        per_device_train_batch_size=BATCH,
        num_train_epochs=epochs,
        learning_rate=rate,
        lr_scheduler_type="linear",
        warmup_steps=round(WARM_UP * epochs * math.ceil(len(rows) / BATCH)),
        optim="adamw_torch",
        weight_decay=0.0,
        max_grad_norm=1.0,
        train_sampling_strategy="sequential",  # the rows are shuffled already, once; "random" is the default
        use_cpu=device.type == "cpu",
        dataloader_pin_memory=False,
        save_strategy="no",  # a real training keeps checkpoints: "steps" or "epoch"
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    trainer = Trainer(model=model, args=arguments, train_dataset=rows)
    from transformers.trainer_callback import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return model.eval()


def with_plain_loop(model, rows: list[dict], epochs: int, rate: float, device):
    """The same by hand: batches, loss, gradients, clipping, step, rate."""
    model = model.to(device).train()
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    steps, warm = epochs * len(batches), round(WARM_UP * epochs * len(batches))
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: step / warm if step < warm else (steps - step) / (steps - warm)
    )
    for _ in range(epochs):
        for batch in batches:
            loss = model(
                input_ids=torch.stack([row["input_ids"] for row in batch]).to(device),
                attention_mask=torch.stack([row["attention_mask"] for row in batch]).to(device),
                labels=torch.tensor([row["labels"] for row in batch]).to(device),
            ).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    return model.eval()


@torch.no_grad()
def logits_of(model, rows: list[dict]) -> np.ndarray:
    """Scores of each line for each book, `[N, 4]`."""
    found = []
    for start in range(0, len(rows), 64):
        batch = rows[start : start + 64]
        inputs = {
            name: torch.stack([row[name] for row in batch]).to(model.device) for name in batch[0] if name != "labels"
        }
        found.append(model(**inputs).logits.cpu())
    return torch.cat(found).numpy()


def accuracy(logits: np.ndarray, lines: list[Line]) -> float:
    return float(np.mean(logits.argmax(axis=1) == [line.label for line in lines]))


# ----------------------------------------------------------------------------------------------------------------------
# the yardstick


def by_counting_words(train: list[Line], test: list[Line]) -> float:
    """Accuracy of a linear model on word counts (TF-IDF), which knows nothing of their order."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(TfidfVectorizer(sublinear_tf=True), LogisticRegression(C=10, max_iter=1000))
    model.fit([line.text for line in train], [line.label for line in train])
    return float(model.score([line.text for line in test], [line.label for line in test]))


def confusion(logits: np.ndarray, lines: list[Line]) -> np.ndarray:
    """How many lines of each book (row) were taken for each book (column), `[4, 4]`."""
    table = np.zeros((len(BOOKS), len(BOOKS)), int)
    np.add.at(table, ([line.label for line in lines], logits.argmax(axis=1)), 1)
    return table


def plot(losses: list[float], table: np.ndarray, scores: dict[str, float], path) -> None:
    figure = Figure(figsize=(12, 3.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    left.plot(losses, color=GREY)
    left.axhline(math.log(VOCABULARY), color=ORANGE, linestyle=":", label="guessing")
    left.set(xlabel="step", ylabel="loss (nats)", title="pre-training: hidden words")
    left.legend()
    middle.imshow(table, cmap="Blues")
    for row, column in np.ndindex(*table.shape):
        colour = "white" if table[row, column] > table.max() / 2 else "black"
        middle.text(column, row, table[row, column], ha="center", va="center", color=colour)
    middle.set(xticks=range(4), yticks=range(4), xlabel="taken for", ylabel="book", title="lines of the test chapters")
    middle.set_xticklabels(BOOKS, rotation=20)
    middle.set_yticklabels(BOOKS)
    bars = right.bar(scores.keys(), [100 * score for score in scores.values()], color=[GREY, ORANGE, BLUE, GREEN])
    right.bar_label(bars, fmt="%.0f")
    right.axhline(25, color=GREY, linestyle=":")
    right.tick_params(axis="x", labelrotation=20)
    right.set(ylabel="accuracy (%)", ylim=(0, 105), title="on chapters never seen")
    save_figure(figure, path)


def public_half(folder, few: list[Line], test: list[Line], settings, device) -> dict[str, float]:
    """Fine-tune a public encoder with the same function, at its own rate."""
    from transformers import AutoTokenizer

    tokenizer = load(AutoTokenizer, folder)
    seed_everything(settings.seed)
    model = with_trainer(classifier(folder), rows_of(tokenizer, few), 3, PUBLIC_RATE, settings.out / "trainer", device)
    score = accuracy(logits_of(model, rows_of(tokenizer, test)), test)
    print(f"   {count_parameters(model):,} parameters, {len(few)} labelled lines: {score:.1%} on the test chapters")
    return {"public_accuracy": score}


def main(settings) -> dict:
    device = prepare(settings)
    train, test = load_lines()
    texts = [line.text for line in train]
    order = chance.Random(settings.seed).sample(train, len(train))
    few = order[: LABELLED_QUICK if settings.quick else LABELLED_FULL]
    epochs = EPOCHS_QUICK if settings.quick else EPOCHS_FULL
    tokenizer = train_tokenizer(texts, VOCABULARY)

    base = small_encoder(VOCABULARY, tokenizer.pad_token_id).to(device)
    print(f"A ModernBERT of {count_parameters(base):,} parameters, from its configuration. Filling in hidden words:")
    losses, seconds = seconds_of(
        lambda: pre_train(base, tokenizer, texts, PRE_STEPS_QUICK if settings.quick else PRE_STEPS_FULL)
    )
    before, after = np.mean(losses[:5]), np.mean(losses[-20:])
    print(f"   loss from {before:.2f} to {after:.2f} in {len(losses)} steps, {seconds:.0f} s, on {len(texts):,} lines")
    save_model(settings.out / "base", base, tokenizer)

    rows, asked = rows_of(tokenizer, few), rows_of(tokenizer, test)
    scores = {"words counted": by_counting_words(few, test)}
    found = {}
    print(f"\n{len(few)} labelled lines, {epochs} epochs; {len(test)} lines of four other chapters to be told apart")
    for name in ("Trainer", "plain loop", "from nothing")[: 2 if settings.quick else 3]:
        seed_everything(settings.seed)  # the same random head
        model = classifier(settings.out / "base")
        if name == "from nothing":
            model = type(model)(model.config)  # same architecture, nothing kept
        action = (
            (lambda m: with_plain_loop(m, rows, epochs, RATE, device))
            if name != "Trainer"
            else (lambda m: with_trainer(m, rows, epochs, RATE, settings.out / "trainer", device))
        )
        model, seconds = seconds_of(lambda: action(model))  # noqa: B023
        found[name] = logits_of(model, asked)
        scores[name] = accuracy(found[name], test)
        print(f"   {name:<13} {scores[name]:.1%} right, {seconds:.1f} s")
        if name == "plain loop":
            save_model(settings.out / "classifier", model, tokenizer)
    gap = float(np.abs(found["Trainer"] - found["plain loop"]).max())
    print(f"   Trainer and plain loop: scores apart by {gap:.1e} at most, {len(few) * epochs // BATCH} steps later")
    print(f"   counting words (scikit-learn): {scores['words counted']:.1%}; guessing: 25 %")
    plot(losses, confusion(found["plain loop"], test), scores, settings.out / "encoder.png")
    print(f"encoder.png: pre-training {before:.1f} to {after:.1f} nats; confusion; the scores")
    folder = public_model(settings)
    public = public_half(folder, few, test, settings, device) if folder else {}
    return {
        "hidden_words_before": float(before),
        "hidden_words_after": float(after),
        "accuracy_words_counted": scores["words counted"],
        "accuracy_from_nothing": scores.get("from nothing", float("nan")),  # full run
        "accuracy_trainer": scores["Trainer"],
        "accuracy_plain_loop": scores["plain loop"],
        "accuracy_difference": abs(scores["Trainer"] - scores["plain loop"]),
        "largest_score_difference": gap,
        **public,
    }


EXPECTED = {
    "hidden_words_before": Expected(quick=(6.7, 7.2), full=(6.7, 7.2)),
    "hidden_words_after": Expected(quick=(5.5, 6.4), full=(4.2, 5)),
    "accuracy_words_counted": Expected(quick=(0.48, 0.6), full=(0.48, 0.65)),
    "accuracy_plain_loop": Expected(quick=(0.34, 0.65), full=(0.42, 0.6)),
    "largest_score_difference": Expected(quick=(0, 0.01), full=(0, 0.05)),
    "accuracy_difference": Expected(quick=(0, 0.005), full=(0, 0.01)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="05_ctc_digits.py")

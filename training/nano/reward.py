"""Judge, reward and control penalty of the protocol (arXiv 2507.13348, section 3): the only place where they are."""

import re
import unicodedata
from typing import Protocol

import numpy as np


class Judge(Protocol):
    """Where an LLM judge would go: 1.0 for a right prediction, 0.0 for a wrong one."""

    def __call__(self, question: str, prediction: str, answer: str) -> float: ...


def normalise(text: str) -> str:
    """NFKC, lower case, single spaces, no punctuation around it."""
    text = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text).lower()).strip()
    return text.strip(" .,;:!?\"'()[]")


class ExactMatch:
    """Right when the normalised texts are equal. Our answers are known exactly."""

    def __call__(self, question: str, prediction: str, answer: str) -> float:
        return float(normalise(prediction) == normalise(answer))


def rewards(accuracy, called, valid, penalty: str = "controlled", threshold: float = 0.2, size: float = 0.1, format_reward: float = 0.5):
    """Rewards of groups of turns: accuracy [N, G] of 0 or 1, called and valid [N, G] bool -> [N, G].

    accuracy + 0.5 where every round was well formed - 0.1 by the control penalty: with r = correct direct answers / all correct answers
    of the group, direct answers pay when r < threshold, calls when r >= threshold. A group without a correct answer pays nothing: the
    paper's equation leaves r = 0/0 open, and reading it as 0 would reward calls where they do not help.
    The authors' code (verl/trainer/ppo/ray_trainer.py, general_qa_tool.py) differs from the equation: only correct turns pay; correct
    calls always do; correct direct answers do where 0 < r < threshold.
    penalty 'always': every call pays; 'never': nobody does (the two ablations of the paper's figure 3).
    """
    accuracy, called, valid = (np.asarray(x, float) for x in (accuracy, called, valid))
    if penalty == "controlled":
        direct_right = (accuracy * (1 - called)).sum(1)
        right = accuracy.sum(1)
        r = np.divide(direct_right, right, out=np.zeros_like(right), where=right > 0)
        pays = np.where((r < threshold)[:, None], 1 - called, called) * (right > 0)[:, None]
    elif penalty == "always":
        pays = called
    elif penalty == "never":
        pays = np.zeros_like(called)
    else:
        raise ValueError(f"unknown penalty {penalty!r}; known: controlled, always, never")
    return accuracy + format_reward * valid - size * pays


def advantages(reward, epsilon: float = 1e-4):
    """GRPO: rewards of a group minus their mean, over their standard deviation."""
    return (reward - reward.mean(1, keepdims=True)) / (reward.std(1, keepdims=True) + epsilon)

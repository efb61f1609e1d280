"""Graders: what makes a reward of a model's answer, as the hosted service shapes them.

`check_grader` says at once what is wrong with a grader; `grade` runs one on an answer. Text checks
(``string_check``), similarities (``text_similarity``, except ``cosine``, which needs an embedding
model) and formulas over them (``multi``) run here. ``python`` graders are refused, because a
service must not run code that came with a request, and model graders because it has no such model.
"""

from __future__ import annotations

from tui.service.graders.check import check_grader
from tui.service.graders.grade import Grade, grade

__all__ = ["Grade", "check_grader", "grade"]

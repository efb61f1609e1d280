"""The formula of a ``multi`` grader: arithmetic over the rewards of its parts, and nothing else."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: math.pow,
}
_FUNCTIONS: dict[str, Callable[..., float]] = {
    "min": min,
    "max": max,
    "abs": abs,
    "floor": math.floor,
    "ceil": math.ceil,
    "exp": math.exp,
    "sqrt": math.sqrt,
    "log": math.log,
}
_DEEPEST = 50


class FormulaError(ValueError):
    """The formula is not arithmetic, or has no value."""


def _parse(formula: str) -> ast.expr:
    try:
        # In these formulas ^ is a power, as on paper.
        return ast.parse(formula.strip().replace("^", "**"), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise FormulaError("it is not a formula") from error


def names_of(formula: str) -> set[str]:
    """Return the names a formula uses.

    Raises:
        FormulaError: It is more than arithmetic.
    """
    found: set[str] = set()
    _walk(_parse(formula), found, 0)
    return found


def _walk(node: ast.expr, found: set[str], depth: int) -> None:
    if depth > _DEEPEST:
        raise FormulaError("it is nested too deeply")
    match node:
        case ast.Constant(value=value) if isinstance(value, (int, float)):
            return
        case ast.Name(id=name):
            found.add(name)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=inner):
            _walk(inner, found, depth + 1)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            _walk(left, found, depth + 1)
            _walk(right, found, depth + 1)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            for inner in args:
                _walk(inner, found, depth + 1)
        case _:
            raise FormulaError("only numbers, + - * / ^ and simple functions are allowed")


def value_of(formula: str, values: Mapping[str, float]) -> float:
    """Return what a formula comes to.

    Raises:
        FormulaError: It is more than arithmetic, uses an unknown name, or has no value.
    """
    names_of(formula)
    try:
        result = float(_value(_parse(formula), values))
    except (ArithmeticError, ValueError, TypeError, KeyError) as error:
        raise FormulaError(f"it has no value ({type(error).__name__})") from error
    if not math.isfinite(result):
        raise FormulaError("its value is not finite")
    return result


def _value(node: ast.expr, values: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=value) if isinstance(value, (int, float)):
            return float(value)
        case ast.Name(id=name):
            return values[name]
        case ast.UnaryOp(op=op, operand=inner):
            return -_value(inner, values) if isinstance(op, ast.USub) else _value(inner, values)
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_value(left, values), _value(right, values))
        case ast.Call(func=ast.Name(id=name), args=args):
            return _FUNCTIONS[name](*(_value(inner, values) for inner in args))
        case _:
            raise FormulaError("it is not a formula")

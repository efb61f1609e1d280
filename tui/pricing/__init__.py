"""What a training job will cost: a model table of its own, dated prices, the public epochs rule.

The package is cheap to import; the tables load with the first name that needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.lazy import exports

if TYPE_CHECKING:
    from tui.pricing.cost import CostRow, automatic_epochs, check_epochs, estimate
    from tui.pricing.models import ModelInfo, model_info, trainable_models
    from tui.pricing.prices import Price, PriceBook, load_prices

__all__ = [
    "CostRow",
    "ModelInfo",
    "Price",
    "PriceBook",
    "automatic_epochs",
    "check_epochs",
    "estimate",
    "load_prices",
    "model_info",
    "trainable_models",
]

_HOMES = {
    "CostRow": "cost",
    "ModelInfo": "models",
    "Price": "prices",
    "PriceBook": "prices",
    "automatic_epochs": "cost",
    "check_epochs": "cost",
    "estimate": "cost",
    "load_prices": "prices",
    "model_info": "models",
    "trainable_models": "models",
}

__getattr__ = exports(__name__, _HOMES)

"""Second answers to the metrics, in pandas, from the delivered files alone: one module for each domain."""

from importlib import import_module
from pkgutil import iter_modules

from metric_oracle.base import KEY, NUMBERS_OF_A_ROW, ORACLE, Night, answers

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["KEY", "NUMBERS_OF_A_ROW", "ORACLE", "Night", "answers"]

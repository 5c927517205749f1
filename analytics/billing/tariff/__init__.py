"""Tariffs as data: dated versions in a TOML file, checked as a whole before anything is rated by it."""

from analytics.billing.tariff.tariff import Tariff as Tariff
from analytics.billing.tariff.tariff import load as load
from analytics.billing.tariff.tariff import parse as parse

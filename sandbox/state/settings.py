"""What the control plane may set: callback habits, receipts, latency, token life and quotas."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

DAY_S: Final = 86_400

# Limits of the platform by kind; the control plane may change each of them.
DEFAULT_QUOTA: Final[dict[str, int]] = {
    "template": 100_000,  # a day and account
    "mass": 4,  # a person and calendar month
    "mass_minute": 60,  # calls a minute
    "mass_all": 1,  # calls to everybody a day
    "mass_subscription": 1,  # calls a day of a subscription account
    "qr": 100_000,  # permanent codes an account
    "tags": 100,  # an account
    "tags_per_person": 20,
    "templates": 25,
    "force_refresh": 20,  # a day
    "stable_minute": 10_000,
    "stable_day": 500_000,
    "token": 2_000,  # legacy token calls a day
    "ticket": 100_000,  # a day and type
    "subscribe": 10_000_000,  # a day, account without payment
    "custom": 500_000,  # a day
    "wxacode_minute": 5_000,
    "login_minute": 100,  # jscode2session a minute and person
    "preview": 100,  # a day
    "urllink": 500_000,  # a day
}


@dataclass(slots=True)
class CallbackHabits:
    """How the platform calls back; shares are probabilities, times are seconds."""

    duplicate: float = 0.0
    late: float = 0.0
    late_s: float = 2.0
    reorder: float = 0.0
    lose_retry: float = 0.0
    retry_after_s: list[float] = field(default_factory=lambda: [5.0, 5.0, 5.0])
    card_retry_after_s: list[float] = field(
        default_factory=lambda: [60.0, 60.0, 60.0, 600.0, 1800.0, 3600.0, 7200.0, 14_400.0, 21_600.0, 28_800.0]
    )
    timeout_s: float = 5.0
    concurrency: int = 64
    paused: bool = False


@dataclass(slots=True)
class ReceiptHabits:
    """When receipts of template messages come, and how they turn out."""

    withheld: bool = False
    delay_s: tuple[float, float] = (0.05, 0.4)
    fail_percent: float = 0.0
    block_percent: float = 0.0


@dataclass(slots=True)
class Settings:
    """Everything that holds for the whole platform."""

    client_msg_id: bool = True
    client_msg_id_window_s: float = 600.0
    latency_ms: float = 0.0
    legacy_coupons: bool = False
    token_life_s: float = 7200.0
    callbacks: CallbackHabits = field(default_factory=CallbackHabits)
    receipts: ReceiptHabits = field(default_factory=ReceiptHabits)
    quota: dict[str, int] = field(default_factory=lambda: dict(DEFAULT_QUOTA))

"""Settings refuse to guess."""

import pytest

from app.core.errors import SettingError
from app.core.settings import read_settings

GOOD = {
    "DATABASE_URL": "postgresql://fanka@127.0.0.1/fanka",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "FANKA_KEYS": "k1:" + "A" * 43 + "=",
    "FANKA_LOOKUP_KEYS": "l1:" + "B" * 43 + "=",
}

CRM = {"FANKA_CRM_SECRET": "a-secret-of-both-sides", "FANKA_CRM_UNIT": "海岸百货"}


def test_the_least_that_is_needed_is_enough_and_the_driver_is_ours():
    settings = read_settings(GOOD)
    assert settings.database_url.startswith("postgresql+psycopg://")
    assert settings.queue_redis_url == settings.redis_url
    assert settings.timestamp_tolerance_s == 300


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"DATABASE_URL": ""}, "DATABASE_URL"),
        ({"DATABASE_URL": "mysql://here/there"}, "DATABASE_URL"),
        ({"REDIS_URL": "127.0.0.1"}, "REDIS_URL"),
        ({"FANKA_KEYS": ""}, "FANKA_KEYS"),
        ({"FANKA_WEB_PORT": "eighty"}, "FANKA_WEB_PORT"),
        ({"FANKA_WEB_PORT": "٨٠"}, "FANKA_WEB_PORT"),
        ({"FANKA_WEB_PORT": "70000"}, "FANKA_WEB_PORT"),
        ({"FANKA_LOG_LEVEL": "loud"}, "FANKA_LOG_LEVEL"),
        ({"FANKA_TIMESTAMP_TOLERANCE_S": "0"}, "FANKA_TIMESTAMP_TOLERANCE_S"),
        ({"FANKA_REDIS_PREFIX": "two words"}, "FANKA_REDIS_PREFIX"),
        ({"FANKA_WEB_PROT": "8000"}, "FANKA_WEB_PROT"),
        ({"FANKA_CRM_URL": "https://crm/ask"}, "FANKA_CRM_SECRET"),
        ({"FANKA_CRM_URL": "http://crm/ask", **CRM}, "FANKA_CRM_URL must be https"),
        ({"FANKA_CRM_URL": "https://me:word@crm/ask", **CRM}, "FANKA_CRM_URL"),
        ({"FANKA_CRM_URL": "https://crm:port/ask", **CRM}, "FANKA_CRM_URL"),
        ({"FANKA_CRM_URL": "https://crm/ask", **CRM, "FANKA_CRM_SECRET": "short"}, "FANKA_CRM_SECRET"),
        ({"FANKA_CRM_URL": "https://crm/ask", **CRM, "FANKA_CRM_NAME": "旧系统"}, "FANKA_CRM_NAME"),
    ],
)
def test_a_wrong_setting_is_named(change, named):
    with pytest.raises(SettingError, match=named):
        read_settings({**GOOD, **change})


def test_a_crm_is_connected_by_address_secret_and_unit():
    settings = read_settings({**GOOD, **CRM, "FANKA_CRM_URL": "http://127.0.0.1:8090/members"})
    assert (settings.crm_url, settings.crm_name, settings.crm_unit) == ("http://127.0.0.1:8090/members", "crm", "海岸百货")
    assert CRM["FANKA_CRM_SECRET"] not in repr(settings)
    assert read_settings(GOOD).crm_url is None

"""A newer catalog than the installed one."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from conduit.v1.charge_pb2 import UNIT_INPUT_TOKEN, UNIT_OUTPUT_TOKEN
from conduit_billing.pricing import catalog_file
from conduit_billing.pricing.catalog import PriceCatalog
from conduit_billing.pricing.catalog_file import (
    FILE_NAME,
    CatalogUnreadable,
    Change,
    catalog_in_use,
    changes,
    install,
    installed_catalog,
    read_catalog,
)

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def published(read: float = 2.5, written: float = 10, **more: object) -> list[dict[str, object]]:
    """Return a catalog of one provider with one model, as it is published."""
    model = {
        "id": "gpt-4o",
        "match": {"equals": "gpt-4o"},
        "prices": {"input_mtok": read, "output_mtok": written},
        **more,
    }
    return [
        {
            "id": "openai",
            "name": "OpenAI",
            "api_pattern": "https://api\\\\.openai\\\\.com",
            "models": [model],
        }
    ]


def file_of(folder: Path, content: object, name: str = "data.json") -> Path:
    """Write a catalog."""
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def test_what_differs_is_named_by_model_and_unit(tmp_path: Path) -> None:
    """Prices under conditions and of long requests by themselves; a model that is new, or gone."""
    tiers = {"base": 10, "tiers": [{"start": 9, "price": 20}]}
    variant = {"when": {"service_tier": "flex"}, "prices": {"input_mtok": 1}}
    before = read_catalog(file_of(tmp_path, published()))
    after = read_catalog(
        file_of(
            tmp_path,
            published(
                prices={"input_mtok": 2, "output_mtok": tiers},
                price_variants=[variant],
            ),
        )
    )
    found = list(changes(before, after))
    assert [(each.unit, each.before) for each in found] == [
        ("input_mtok", "2.5"),
        ("input_mtok (service_tier=flex)", ""),
        ("output_mtok", "10"),
    ]
    assert found[0] == Change("openai/gpt-4o", "input_mtok", "2.5", "2")
    assert "20" in found[2].after
    assert list(changes(before, before)) == []
    gone = list(changes(before, []))
    assert {each.after for each in gone} == {""}


def test_a_price_by_the_clock_is_named_with_its_times(tmp_path: Path) -> None:
    """Both that hold at some time."""
    prices = [
        {"prices": {"input_mtok": 3}},
        {"constraint": {"start_date": "2026-12-01"}, "prices": {"input_mtok": 2}},
    ]
    catalog = read_catalog(file_of(tmp_path, published(prices=prices)))
    found = list(changes([], catalog))
    assert [each.after for each in found] == ["3", "2"]
    assert "2026" in found[1].unit


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[]",
        "[1]",
        "null",
        '[{"id": "x"}]',
        "\\xff",
        '[{"id": 5, "models": 7}]',
        "[" * 5000,
    ],
)
def test_what_is_no_catalog_is_refused(tmp_path: Path, content: str) -> None:
    """Whatever it is; nothing crashes."""
    with pytest.raises(CatalogUnreadable, match=r"data\.json is no data of genai-prices"):
        read_catalog(file_of(tmp_path, content))


def test_a_file_beyond_measure_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor one that is not there."""
    monkeypatch.setattr(catalog_file, "MAX_BYTES", 5)
    with pytest.raises(CatalogUnreadable, match="more than 5 bytes"):
        read_catalog(file_of(tmp_path, published()))
    with pytest.raises(CatalogUnreadable):
        read_catalog(tmp_path / "absent.json")


def test_an_installed_catalog_is_used_and_named_by_versions(tmp_path: Path) -> None:
    """Whole; the models that it lacks have no price."""
    install(file_of(tmp_path, published(2, 8)), tmp_path)
    assert not list(tmp_path.glob("*.new"))
    assert catalog_in_use(tmp_path)[0].id == "openai"
    catalog = PriceCatalog({"OpenAI": "openai"}.get, tmp_path / FILE_NAME)  # type: ignore[arg-type] # None is as good as empty
    priced = catalog.price("OpenAI", "gpt-4o", NOW)
    assert priced.unit_prices[UNIT_INPUT_TOKEN] == 2_000_000_000
    assert priced.unit_prices[UNIT_OUTPUT_TOKEN] == 8_000_000_000
    base, _, digest = priced.version.partition("+")
    assert base.startswith("catalog:")
    assert len(digest) == 8
    assert not catalog.price("OpenAI", "gpt-4.1", NOW).version


@pytest.mark.parametrize("content", [None, "broken"])
def test_without_a_good_file_the_package_holds(tmp_path: Path, content: str | None) -> None:
    """Billing starts all the same, and says so."""
    if content is not None:
        file_of(tmp_path, content, FILE_NAME)
    catalog = PriceCatalog({"OpenAI": "openai"}.get, tmp_path / FILE_NAME)  # type: ignore[arg-type] # as above
    priced = catalog.price("OpenAI", "gpt-4o", NOW)
    assert priced.unit_prices[UNIT_INPUT_TOKEN] == 2_500_000_000
    assert "+" not in priced.version


def test_without_a_file_the_package_is_in_use(tmp_path: Path) -> None:
    """It has many models."""
    assert catalog_in_use(tmp_path) is installed_catalog()
    assert len(list(changes([], installed_catalog()))) > 1000


def test_another_library_that_reads_no_files_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its way to read is not public: where it is gone, that is said, and is no crash."""
    path = tmp_path / "data.json"
    path.write_text("[]")
    monkeypatch.delattr("genai_prices.types._providers_from_raw")
    with pytest.raises(CatalogUnreadable, match="the installed genai-prices reads no files"):
        read_catalog(path)

"""Billing's tables. Amounts are nano-dollars; times are microseconds since 1970, UTC."""

from typing import Annotated, ClassVar

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from conduit_billing.packed_id import PackedId
from conduit_kernel.audit.outbox import outbox_table

# SQLite counts up only what it calls INTEGER.
Serial = Annotated[
    int, mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
]
Big = Annotated[int, mapped_column(BigInteger)]
MaybeBig = Annotated[int | None, mapped_column(BigInteger)]
Small = Annotated[int, mapped_column(SmallInteger)]
BigKey = Annotated[int, mapped_column(BigInteger, primary_key=True, autoincrement=False)]
SmallKey = Annotated[int, mapped_column(SmallInteger, primary_key=True, autoincrement=False)]
Id = Annotated[str, mapped_column(PackedId)]
IdKey = Annotated[str, mapped_column(PackedId, primary_key=True)]
IntegerKey = Annotated[int, mapped_column(Integer, primary_key=True, autoincrement=False)]
# Without a rowid of its own a table is one tree rather than two.
_ONE_TREE = {"sqlite_with_rowid": False}


class Base(DeclarativeBase):
    """Knows all tables."""

    metadata: ClassVar[MetaData] = MetaData()


class RuleRow(Base):
    """An operator's price."""

    __tablename__ = "billing_model_costs"
    __table_args__ = (
        UniqueConstraint(
            *("provider_id", "model_pattern", "priority", "effective_from"),
            name="uq_billing_model_costs_pattern",
        ),
        # Ids are never used again: versions of prices name them.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Serial]
    # Zero: every instance without a rule of its own.
    provider_id: Mapped[Big]
    model_pattern: Mapped[str] = mapped_column(String(200))
    input_per_1k: Mapped[MaybeBig]
    output_per_1k: Mapped[MaybeBig]
    cached_input_per_1k: Mapped[MaybeBig]
    per_unit: Mapped[MaybeBig]
    calculation: Mapped[Small]
    # JSON, or empty.
    terms: Mapped[str] = mapped_column(Text, server_default="")
    priority: Mapped[int] = mapped_column(Integer, server_default="0")
    # 0: always.
    effective_from: Mapped[Big] = mapped_column(server_default="0")
    # Null: for ever.
    effective_until: Mapped[MaybeBig]
    created_at: Mapped[Big]
    updated_at: Mapped[Big]


class AccountRow(Base):
    """An account of the ledger."""

    __tablename__ = "billing_accounts"

    id: Mapped[Serial]
    # `expense:virtual-key:4`, `expense:internal`, `payable:3:production`.
    code: Mapped[str] = mapped_column(String(300), unique=True)
    # The sum of the account's entries, kept beside them.
    balance: Mapped[Big]
    # An `AccountType`.
    type: Mapped[Small] = mapped_column(server_default="0")


class PostingRow(Base):
    """Amounts and units that were posted at once. Append only."""

    __tablename__ = "billing_postings"
    __table_args__ = (UniqueConstraint("hold_id", name="uq_billing_postings_hold"), _ONE_TREE)

    id: Mapped[IdKey]
    # A `PostingKind`.
    kind: Mapped[Small]
    posted_at: Mapped[Big]
    # The hold that it ends: each is ended once.
    hold_id: Mapped[str | None] = mapped_column(PackedId, ForeignKey("billing_postings.id"))
    # Of holds alone.
    expires_at: Mapped[MaybeBig]


class AttributionRow(Base):
    """The part that many charges have in common: instance, key, model, operation, price version."""

    __tablename__ = "billing_attributions"

    id: Mapped[Serial]
    # Of all that follows.
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    provider_id: Mapped[Big]
    provider_type: Mapped[str] = mapped_column(String(100))
    key_id: Mapped[str] = mapped_column(String(40))
    account_group: Mapped[str] = mapped_column(String(200))
    model_alias: Mapped[str] = mapped_column(String(200))
    actual_model_name: Mapped[str] = mapped_column(String(500))
    operation: Mapped[str] = mapped_column(String(40))
    price_version: Mapped[str] = mapped_column(String(100))


class ChargeRow(Base):
    """A charge, as it was delivered, priced.

    There are many: it refers to its attribution and its posting without the database's looking them
    up for each, which `verification` does for all.
    """

    __tablename__ = "billing_charges"
    __table_args__ = (
        Index("ix_billing_charges_request", "request_id"),
        Index("ix_billing_charges_virtual_key", "virtual_key_id", "id"),
        Index("ix_billing_charges_attribution", "attribution_id", "id"),
        # Few are, and those are looked for.
        Index(
            "ix_billing_charges_unpriced",
            "id",
            sqlite_where=text("cost IS NULL"),
            postgresql_where=text("cost IS NULL"),
        ),
        # Few providers say what it cost.
        Index(
            "ix_billing_charges_provider_cost",
            "id",
            sqlite_where=text("provider_cost IS NOT NULL"),
            postgresql_where=text("provider_cost IS NOT NULL"),
        ),
        _ONE_TREE,
    )

    id: Mapped[IdKey]
    request_id: Mapped[Id]
    occurred_at: Mapped[Big]
    attribution_id: Mapped[Big]
    virtual_key_id: Mapped[Big]
    # Null if a price is unknown.
    cost: Mapped[MaybeBig]
    usage_source: Mapped[Small]
    is_complete: Mapped[bool]
    duration_ms: Mapped[Big]
    # As in `charge_columns`.
    lines: Mapped[str] = mapped_column(Text)
    # An object of JSON, or empty.
    qualifiers: Mapped[str] = mapped_column(String(1500))
    # Null if it cost nothing, as far as is known.
    posting_id: Mapped[str | None] = mapped_column(PackedId)
    # The lease it was paid from; empty for none.
    lease_id: Mapped[Id]
    # A list of JSON, or empty.
    tags: Mapped[str] = mapped_column(Text)
    # By the provider's word; null if it says none.
    provider_cost: Mapped[MaybeBig]


class AdjustmentRow(Base):
    """The cost of a charge by other prices than those that it was made with. Append only."""

    __tablename__ = "billing_adjustments"
    __table_args__ = (_ONE_TREE,)

    charge_id: Mapped[IdKey]
    # Of all of the charge's, from 1 on; the last one holds.
    number: Mapped[SmallKey]
    virtual_key_id: Mapped[Big]
    price_version: Mapped[str] = mapped_column(String(100))
    # Null of a charge that had no known price.
    cost_before: Mapped[MaybeBig]
    cost_after: Mapped[Big]
    adjusted_at: Mapped[Big]
    # Null if nothing moved.
    posting_id: Mapped[str | None] = mapped_column(PackedId)


class DetachedDayRow(Base):
    """A day of which no charges are kept; those that come late are left out."""

    __tablename__ = "billing_detached_days"
    __table_args__ = (_ONE_TREE,)

    # Days since 1970-01-01, by the ids of charges.
    day: Mapped[IntegerKey]
    detached_at: Mapped[Big]


class DetachedExpenseRow(Base):
    """The cost of a virtual key's charges that are kept no longer."""

    __tablename__ = "billing_detached_expenses"
    __table_args__ = (_ONE_TREE,)

    virtual_key_id: Mapped[BigKey]
    cost: Mapped[Big]


class EntryRow(Base):
    """An entry of the ledger. Append only; the entries of a posting add up to zero."""

    __tablename__ = "billing_entries"
    __table_args__ = (_ONE_TREE,)

    posting_id: Mapped[str] = mapped_column(
        PackedId, ForeignKey("billing_postings.id"), primary_key=True
    )
    account_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("billing_accounts.id"), primary_key=True, autoincrement=False
    )
    # Debits are positive, credits negative.
    amount: Mapped[Big]


class DayRow(Base):
    """A day's charges added up in a dimension, in the transaction that stores them.

    Reports read no charges.
    """

    __tablename__ = "billing_day_totals"
    __table_args__ = (
        # Of `Dimension.VIRTUAL_KEY_MODEL`: a holder's own.
        Index(
            "ix_billing_day_totals_of_key",
            "number",
            "day",
            sqlite_where=text("dimension = 8"),
            postgresql_where=text("dimension = 8"),
        ),
        _ONE_TREE,
    )

    # A `Dimension`.
    dimension: Mapped[SmallKey]
    # Days since 1970-01-01.
    day: Mapped[IntegerKey]
    # As in `DayKey`.
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    number: Mapped[BigKey]
    cost: Mapped[Big]
    requests: Mapped[Big]
    unpriced_requests: Mapped[Big]
    input_tokens: Mapped[Big]
    output_tokens: Mapped[Big]


class BudgetWindowRow(Base):
    """A budget in one of its periods, once something was held or spent of it."""

    __tablename__ = "billing_budget_windows"
    __table_args__ = (_ONE_TREE,)

    # Of the account of what is left of it.
    code: Mapped[str] = mapped_column(String(300), primary_key=True)
    # What was granted to the account.
    limit: Mapped[Big]
    # Null for what never ends.
    ends_at: Mapped[MaybeBig]


class LeaseRow(Base):
    """A part of a virtual key's budgets that a router may spend."""

    __tablename__ = "billing_leases"
    __table_args__ = (Index("ix_billing_leases_open", "ended_at", "expires_at"), _ONE_TREE)

    id: Mapped[IdKey]
    virtual_key_id: Mapped[Big]
    amount: Mapped[Big]
    # The sum of the charges that name it and were delivered before it ended.
    spent: Mapped[Big]
    # What they will come to, once its router has said so.
    final: Mapped[MaybeBig]
    # How many holds there are for it; they are named by its id and a number.
    holds: Mapped[Small]
    acquired_at: Mapped[Big]
    expires_at: Mapped[Big]
    # Null while it is open.
    ended_at: Mapped[MaybeBig]


class QuotaWindowRow(Base):
    """The sum that was dealt out of a limit, in a minute or at a time."""

    __tablename__ = "billing_quota_windows"
    __table_args__ = (_ONE_TREE,)

    # Such as `virtual-key:4`.
    owner: Mapped[str] = mapped_column(String(60), primary_key=True)
    # A `QuotaMetric`.
    metric: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    # Of the minute; 0 for what is under way at a time.
    starts_at: Mapped[BigKey]
    used: Mapped[Big]


class QuotaRow(Base):
    """A part of a virtual key's limits that a router may use."""

    __tablename__ = "billing_quotas"
    __table_args__ = (Index("ix_billing_quotas_expiry", "starts_at", "expires_at"), _ONE_TREE)

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    # A `QuotaMetric`.
    metric: Mapped[Small]
    # Those whose limits it counts in: a list of JSON.
    owners: Mapped[str] = mapped_column(String(300))
    starts_at: Mapped[Big]
    amount: Mapped[Big]
    expires_at: Mapped[Big]


class AttemptStatsRow(Base):
    """Statistics that are counted already; those too old to be delivered again are deleted."""

    __tablename__ = "billing_attempt_stats"
    __table_args__ = (_ONE_TREE,)

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    started_at: Mapped[int] = mapped_column(BigInteger, index=True)


class HourRow(Base):
    """An hour's attempts at an instance."""

    __tablename__ = "billing_hours"
    __table_args__ = (_ONE_TREE,)

    # Hours since 1970.
    hour: Mapped[IntegerKey]
    provider_id: Mapped[BigKey]
    successes: Mapped[Big]
    failures: Mapped[Big]
    duration_ms_sum: Mapped[Big]


class HourBucketRow(Base):
    """The count of an hour's attempts of one range of durations; see `durations`."""

    __tablename__ = "billing_hour_buckets"
    __table_args__ = (_ONE_TREE,)

    hour: Mapped[IntegerKey]
    provider_id: Mapped[BigKey]
    bucket: Mapped[IntegerKey]
    attempts: Mapped[Big]


class ProviderNameRow(Base):
    """The last name of an instance: reports name those that are gone, too."""

    __tablename__ = "billing_providers"

    id: Mapped[BigKey]
    name: Mapped[str] = mapped_column(String(200))


# What was done to prices, until it is in the audit log.
AUDIT_OUTBOX = outbox_table(Base.metadata, "billing")

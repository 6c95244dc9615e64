"""What can be set from outside: by ``LEADLIGHT_...`` in the environment, or by the options of ``leadlight serve``."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, Field, PlainValidator, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from features.errors import LeadlightError
from features.refusals import refusals

PREFIX: Final = "LEADLIGHT_"
MIB: Final = 1 << 20


def _networks(value: Any) -> Any:
    """Addresses and networks between the commas of a text."""
    parts = value.split(",") if isinstance(value, str) else value
    try:
        return tuple(ip_network(str(part).strip()) for part in parts if str(part).strip())
    except ValueError:
        raise ValueError("has to be addresses or networks such as 10.0.0.0/8, with commas between") from None


Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, PlainValidator(_networks)]


class SettingsError(LeadlightError):
    """The environment or the options say something that cannot be meant."""


class Settings(BaseSettings):
    """How a service runs. What is unset has the value of a first try on one's own machine.

    Attributes:
        data: folder of everything the service keeps: the database ``service.db``, bundles, files of jobs.
        database_url: SQLAlchemy URL of another database than ``data/service.db``.
        public_key: PEM file of an ed25519 key; where set, bundles without a signature by it are refused.
        webhook_url: where changes of scores are told; ``webhook_secret`` signs them.
        webhook_allow_private: allow a webhook on this machine or in a private network.
        requests_per_minute: of one key, and one worker.
        read_seconds: a request that has not arrived by then is given up.
        docs: show ``/docs`` and ``/openapi.json``.
        trusted_proxies: addresses and networks, with commas between, of proxies whose ``X-Forwarded-For`` and
            ``X-Forwarded-Proto`` are believed.
        demo_clock: the clock of the service starts there, not now.
        retention_days: how long answers are kept for replay.
        base_url: what people type to reach the service, where a proxy stands in front.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    data: Path = Path("leadlight-data")
    database_url: SecretStr | None = None
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    workers: int = Field(1, ge=1, le=256)
    public_key: Path | None = None
    webhook_url: str | None = None
    webhook_secret: SecretStr | None = None
    webhook_allow_private: bool = False
    requests_per_minute: int = Field(6000, ge=1)
    max_body_bytes: int = Field(16 * MIB, ge=1024)
    read_seconds: float = Field(10, gt=0, le=600)
    docs: bool = True
    trusted_proxies: Networks = ()
    demo_clock: AwareDatetime | None = None
    retention_days: int = Field(730, ge=1)
    base_url: str | None = None

    @property
    def database(self) -> str:
        """URL of the database, with its password."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data.resolve() / 'service.db'}"

    @property
    def bundles(self) -> Path:
        """Folder of the bundles, each under its fingerprint."""
        return self.data / "bundles"

    @property
    def jobs(self) -> Path:
        """Folder of the files of bulk jobs."""
        return self.data / "jobs"

    @property
    def address(self) -> str:
        """URL at which people reach the service, without a slash at its end."""
        if self.base_url is not None:
            return self.base_url.rstrip("/")
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def environment(self) -> dict[str, str]:
        """Variables from which another process reads these settings."""
        return {
            f"{PREFIX}{name.upper()}": text for name in type(self).model_fields if (text := self._text(name))
        }

    def _text(self, name: str) -> str | None:
        value = getattr(self, name)
        if isinstance(value, SecretStr):
            return value.get_secret_value()
        if isinstance(value, tuple):
            return ",".join(map(str, value))
        return None if value is None else str(value)


def read_settings(**chosen: Any) -> Settings:
    """Settings of the environment, with what was chosen on the command line (``None`` leaves the choice open).

    Raises:
        SettingsError: naming every setting that cannot be meant, never its value.
    """
    try:
        return Settings(**{name: value for name, value in chosen.items() if value is not None})
    except ValidationError as error:
        raise SettingsError("these settings cannot be used", refusals(error, "settings")) from None

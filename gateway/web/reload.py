"""
The configuration is read anew when its files change, while calls go on.

Files are looked at four times a second, in a thread: how long each is, when it was written, and which file it is, since
editors write a new one and give it the old name. Files that have changed are read once they have stayed as they are
from one look to the next, so that nobody reads what is half written; and what was read counts only if nothing changed
meanwhile. It is read, checked and made ready as a whole, and then takes the place of the old one between two events of
the loop. What is refused changes nothing, and is tried again when the files change once more. Modules of Python are not
looked at: what was imported stays until the gateway is started again.

Calls keep the configuration with which they began. What an old one has open is closed when the last of them is over.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from gateway.agents import Configuration
from gateway.errors import ConfigError
from gateway.lines.files import ConfigFiles
from gateway.prices.load import FILE_NAME
from gateway.web.gateway import Gateway

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 0.25
FOLDERS = ("lines", "agents")

Look: TypeAlias = dict[Path, tuple[int, int, int]]
"""When each file was written, how long it is, and which one it is."""


class Reloader:
    """Keeps the configuration of one gateway as its files are."""

    def __init__(
        self,
        gateway: Gateway,
        folder: Path,
        load: Callable[[ConfigFiles], Configuration],
        prepare: Callable[[Configuration], Awaitable[None]],
        *,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        """*load* runs in a thread, and *prepare* before the configuration takes over; both may raise `ConfigError`."""
        self._gateway = gateway
        self._folder = folder
        self._load = load
        self._prepare = prepare
        self._look_every_s = look_every_s
        self._files = ConfigFiles(folder)
        self._seen: Look = {}
        self._settled: Look | None = None
        """What was looked like what is served, or was refused."""
        self._forced = asyncio.Event()
        self._retired: list[Configuration] = []

    def force(self) -> None:
        """Read everything anew, changed or not: secrets may have changed, which no file of lines shows."""
        self._forced.set()

    async def watch(self) -> None:
        """Go on until cancelled."""
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._look_every_s):
                        await self._forced.wait()
                await self._step()
        finally:
            for configuration in self._retired:
                await configuration.close()

    async def _step(self) -> None:
        try:
            forced = self._forced.is_set()
            self._forced.clear()
            before, self._seen = self._seen, await self._looked()
            if forced or self._seen == before != self._settled:
                await self._reload(forced=forced)
            await self._close_retired()
        except Exception:
            logger.exception("the configuration was not exchanged")

    async def _reload(self, *, forced: bool) -> None:
        """Read what is there; what changes while it is read is left to the next look."""
        seen, files = self._seen, ConfigFiles(self._folder)
        found = await asyncio.to_thread(self._read, files)
        if await self._looked() != seen and not forced:
            return
        self._files = files
        self._settled = self._seen = await self._looked()
        if isinstance(found, ConfigError):
            self._refuse(found)
        elif found.sha256 == self._gateway.configuration.sha256 and not forced:
            self._put_back()
        else:
            await self._exchange(found)

    def _read(self, files: ConfigFiles) -> Configuration | ConfigError:
        try:
            return self._load(files)
        except ConfigError as error:
            return error
        except Exception as error:
            logger.exception("the configuration cannot be read")
            return ConfigError(f"{type(error).__name__}: {error}")

    async def _exchange(self, configuration: Configuration) -> None:
        try:
            await configuration.open()
            await self._prepare(configuration)
        except ConfigError as error:
            await configuration.close()
            self._refuse(error)
            return
        except BaseException:
            await configuration.close()
            raise
        self._retired.append(self._gateway.configuration)
        self._gateway.configuration = configuration
        self._gateway.config_refused = ""
        self._gateway.metrics.reloaded(configuration.sha)
        logger.info("configuration exchanged  config=%s lines=%d", configuration.sha, len(configuration.lines))

    def _refuse(self, error: ConfigError) -> None:
        """Say where the first mistake is, in one line, and how many more there are."""
        first, *others = str(error).splitlines()
        more = f" (and {len(others)} more; `gateway check` shows them)" if others else ""
        self._gateway.config_refused = f"{first}{more}"
        self._gateway.metrics.reload_refused()
        logger.error("configuration refused, %s goes on: %s%s", self._gateway.configuration.sha, first, more)

    def _put_back(self) -> None:
        if self._gateway.config_refused:
            logger.info("configuration is as it was  config=%s", self._gateway.configuration.sha)
        self._gateway.config_refused = ""
        self._gateway.metrics.reload_in_vain()

    async def _close_retired(self) -> None:
        """Close what the last call has left."""
        over = [configuration for configuration in self._retired if not self._gateway.calls.use(configuration)]
        self._retired = [configuration for configuration in self._retired if configuration not in over]
        for configuration in over:
            await configuration.close()

    async def _looked(self) -> Look:
        return await asyncio.to_thread(self._look)

    def _look(self) -> Look:
        listed = [file for name in FOLDERS for file in _files_in(self._folder / name)]
        found: Look = {}
        for file in (*listed, self._folder / FILE_NAME, *self._files.paths):
            with suppress(OSError):
                status = file.stat()
                found[file] = (status.st_mtime_ns, status.st_size, status.st_ino)
        return found


def _files_in(folder: Path) -> list[Path]:
    try:
        return [file for file in folder.iterdir() if file.suffix in {".yaml", ".yml"}]
    except OSError:
        return []

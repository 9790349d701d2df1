"""The model that this process serves: always the live version, whole, or the last one that was."""

import logging
import threading
import time

from recommendations import model_store
from recommendations.model_store import BrokenArtifact, StoredModel
from recommendations.models import ModelVersion

logger = logging.getLogger(__name__)

RETRY_BROKEN_SECONDS = 30.0


class LiveModel:
    """Holds one stored model and swaps it when a request brings another live version.

    The swap is one assignment: a request works with the model that it got, from its first score
    to its last reason. While a thread loads the new version the others go on with the old one.
    """

    def __init__(self) -> None:
        self._model: StoredModel | None = None
        self._loading = threading.Lock()
        # When each version was refused, by this process's clock, and why.
        self._broken: dict[str, tuple[float, str]] = {}

    def at(self, version: str | None) -> StoredModel | None:
        """The model to serve where the database says that ``version`` is live.

        None before the first training, or when no stored version can be read.
        """
        model = self._model
        if version is None or (model is not None and model.version == version):
            return model if version is not None else None
        if self._is_broken(version):
            return model or self._fallback(version)
        # With a model in hand nobody waits for the load; without one there is nothing else to do.
        if self._loading.acquire(blocking=model is None):
            try:
                self._swap_to(version)
            finally:
                self._loading.release()
        return self._model

    def why_refused(self, version: str) -> str | None:
        """What is wrong with a version that this process could not read when it last tried."""
        since_and_why = self._broken.get(version)
        return since_and_why and since_and_why[1]

    def _swap_to(self, version: str) -> None:
        if self._model is not None and self._model.version == version:
            return
        try:
            self._model = model_store.load(version)
        except BrokenArtifact as error:
            self._broken[version] = time.monotonic(), str(error)
            logger.error("the live model is refused, an earlier one serves on: %s", error)  # noqa: TRY400
            self._model = self._model or self._newest_readable(version)
        else:
            self._broken.clear()

    def _is_broken(self, version: str) -> bool:
        broken = self._broken.get(version)
        return broken is not None and time.monotonic() - broken[0] < RETRY_BROKEN_SECONDS

    def _fallback(self, version: str) -> StoredModel | None:
        with self._loading:
            self._model = self._model or self._newest_readable(version)
        return self._model

    def _newest_readable(self, broken: str) -> StoredModel | None:
        """The version that was live most lately of those that can be read."""
        earlier = ModelVersion.objects.exclude(version=broken).exclude(activated_at=None)
        for version in earlier.order_by("-activated_at").values_list("version", flat=True):
            if self._is_broken(version):
                continue
            try:
                return model_store.load(version)
            except BrokenArtifact as error:
                self._broken[version] = time.monotonic(), str(error)
        return None


live_model = LiveModel()

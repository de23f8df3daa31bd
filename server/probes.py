"""Routes for those who run the server: ``/readyz`` for load balancers, ``/metrics`` for Prometheus."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from .activity import Activity
from .metrics import Metrics
from .settings import ServerSettings


def build_probes_router(settings: ServerSettings, activity: Activity, metrics: Metrics | None) -> APIRouter:
    """The routes; that of the figures only where there are `metrics`."""
    router = APIRouter(include_in_schema=False)

    @router.get("/readyz")
    async def tell_readiness() -> dict[str, str]:
        """Whether requests should come here: not before the model is loaded, nor while the server stops."""
        activity.require_ready()
        return {"status": "ready"}

    if metrics:

        @router.get("/metrics")
        def send_metrics() -> Response:
            return Response(metrics.write(), media_type=CONTENT_TYPE_LATEST)

    return router

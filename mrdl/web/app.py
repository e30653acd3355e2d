"""The application: routes, errors as words, and the pages. What it answers is told at /api/docs."""

import importlib.util
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as AnyHTTPException

import mrdl
from mrdl.errors import MrdlError, not_installed
from mrdl.mapreduce.runners import RUNNERS
from mrdl.reports.page import COLOURS
from mrdl.web import compare, forms
from mrdl.web.home import Home
from mrdl.web.sessions import acting, files, listing, planning, predicting, starting
from mrdl.web.tables import folders, inspecting, uploads
from mrdl.web.watching import designs, events, results, workers

PAGES = Path(__file__).with_name("pages")
ROUTERS = (
    forms.router,
    uploads.router,
    folders.router,
    inspecting.router,
    starting.router,
    listing.router,
    acting.router,
    files.router,
    planning.router,
    predicting.router,
    events.router,
    designs.router,
    results.router,
    workers.router,
    compare.router,
)
VIEWS = ("/", "/new", "/compare", "/workers")  # besides those of a session

router = APIRouter(prefix="/api")


def create_app(home: Home) -> FastAPI:
    """The application that serves a home; raises SetupError where the script of the figures is not installed."""
    app = FastAPI(
        title="mrdl",
        version=mrdl.__version__,
        description="Upload a table, train networks on it, watch and read what comes of it.",
        docs_url=None,  # its page would be fetched from elsewhere
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.state.home = home
    app.state.plotly = _plotly()
    for each in (router, *ROUTERS):
        app.include_router(each)
    app.include_router(_views())
    app.mount("/static", StaticFiles(directory=PAGES), name="static")
    app.add_exception_handler(MrdlError, _told)
    app.add_exception_handler(AnyHTTPException, _told_status)
    app.add_exception_handler(RequestValidationError, _told_invalid)
    return app


@router.get("/about")
def about(request: Request) -> dict[str, object]:
    """What this server is, and where tables may lie."""
    home: Home = request.app.state.home
    return {
        "version": mrdl.__version__,
        "folder": str(home.folder),
        "tables": home.tables,
        "runner": home.runner,
        "runners": list(RUNNERS),
        "roots": [{"place": root, "kind": "hdfs" if "://" in root else "local"} for root in home.roots],
        "limit_bytes": home.limit_bytes,
    }


# --- pages ---


def _views() -> APIRouter:
    """The addresses of pages; all are one file, whose script shows what the address says."""
    views = APIRouter(include_in_schema=False)

    def shell() -> FileResponse:
        return FileResponse(PAGES / "index.html")

    for path in (*VIEWS, "/api/docs"):
        views.add_api_route(path, shell, methods=["GET"])

    @views.get("/s/{key}")
    @views.get("/s/{key}/{rest:path}")
    def of_session(request: Request, key: str, rest: str = "") -> FileResponse:
        found = request.app.state.home.session(key)
        return FileResponse(PAGES / "index.html", status_code=200 if found else 404)

    @views.get("/static/look/colours.css")
    def colours() -> FileResponse:
        return FileResponse(COLOURS, media_type="text/css")

    @views.get("/static/plotly.js")
    def plotly(request: Request) -> FileResponse:
        return FileResponse(request.app.state.plotly, media_type="text/javascript")

    return views


def _plotly() -> Path:
    """The script that draws figures, in the installed package, which is not imported for it."""
    spec = importlib.util.find_spec("plotly")
    script = Path(spec.origin).with_name("package_data") / "plotly.min.js" if spec and spec.origin else None
    if script is None or not script.exists():
        raise not_installed("figures need", "plotly", "web")
    return script


# --- errors ---


async def _told(request: Request, error: Exception) -> JSONResponse:
    """The answer for what mrdl refuses: 422, in its words."""
    return JSONResponse({"error": str(error)}, 422)


async def _told_status(request: Request, error: Exception) -> Response:
    """The answer for an error that has a status of its own; people who open an address that is none see the page."""
    assert isinstance(error, AnyHTTPException)
    if error.status_code == 404 and "text/html" in request.headers.get("accept", ""):
        return FileResponse(PAGES / "index.html", 404)
    told = error.detail if isinstance(error.detail, dict) else {"error": str(error.detail)}
    return JSONResponse(told, error.status_code, error.headers)


async def _told_invalid(request: Request, error: Exception) -> JSONResponse:
    """The answer for a request that is not of the shape that is told at /api/docs."""
    assert isinstance(error, RequestValidationError)
    found = [f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in error.errors()]
    return JSONResponse({"error": "the request is not understood: " + "; ".join(found)}, 400)

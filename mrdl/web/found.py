"""What a request asks for, found, or answered by 404."""

from fastapi import HTTPException, Request

from mrdl.web.home import Home, Session


def no_session(key: str) -> HTTPException:
    """The answer to a key that nothing has here."""
    return HTTPException(404, f"there is no run or sweep of the key {key[:100]!r} here")


def session_of(request: Request, key: str) -> Session:
    """The session of a key; raises 404 where there is none."""
    home: Home = request.app.state.home
    found = home.session(key)
    if found is None:
        raise no_session(key)
    return found

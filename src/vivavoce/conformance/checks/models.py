"""`GET /v1/models` (PROTOCOL.md 1.9)."""

from __future__ import annotations

import httpx

from vivavoce.conformance.client import Suite
from vivavoce.conformance.shapes import objects
from vivavoce.conformance.steps import expect
from vivavoce.conformance.verdict import Check, Failed, LeftOut, NotOffered, Section
from vivavoce.testing.client import Event, at, text


def body(response: httpx.Response) -> Event:
    """A JSON object. Raises `Failed` for anything else."""
    try:
        value = response.json()
    except ValueError:
        raise Failed(f"The body should be JSON, with status {response.status_code}.", {"body": response.text}) from None
    if not isinstance(value, dict):
        raise Failed("The body should be a JSON object.", {"body": value})
    return value


def is_error(response: httpx.Response, *statuses: int) -> None:
    """Raises `Failed` unless it is an error in the API's shape, with one of these statuses."""
    value = body(response)
    wanted = " or ".join(map(str, statuses))
    expect(response.status_code in statuses, f"The status should be {wanted}, not {response.status_code}.", value)
    error = at(value, "error")
    expect(text(error, "message") and text(error, "type"), "An error should have a message and a type.", value)
    absent = [name for name in ("param", "code") if not isinstance(error, dict) or name not in error]
    expect(not absent, f"An error should have {' and '.join(absent)}, null where empty.", value)


def offered(response: httpx.Response) -> Event:
    """The body of a success. Raises `NotOffered` where there is no such thing."""
    if response.status_code in (404, 405, 501):
        raise NotOffered(f"The server answers with status {response.status_code}.")
    value = body(response)
    expect(response.status_code == 200, f"The status should be 200, not {response.status_code}.", value)
    return value


async def lists(suite: Suite) -> None:
    async with suite.http() as http:
        value = offered(await http.get("/models"))
        expect(value.get("object") == "list", "Its object should be 'list'.", value)
        models = objects(value.get("data"))
        expect(models, "There should be a model.", value)
        for model in models:
            good = isinstance(model.get("id"), str) and model.get("object") == "model"
            good = good and isinstance(model.get("created"), int) and isinstance(model.get("owned_by"), str)
            expect(good, "A model has id, object 'model', created and owned_by.", model)


async def one(suite: Suite) -> None:
    async with suite.http() as http:
        listed = [model.get("id") for model in objects(offered(await http.get("/models")).get("data"))]
        if suite.target.model not in listed:
            raise LeftOut(f"The model {suite.target.model!r} is not in the list.")
        response = await http.get(f"/models/{suite.target.model}")
        value = body(response)
        expect(response.status_code == 200, f"The status should be 200, not {response.status_code}.", value)
        expect(value.get("id") == suite.target.model, "The model that was asked for should come.", value)


async def unknown(suite: Suite) -> None:
    async with suite.http() as http:
        offered(await http.get("/models"))
        is_error(await http.get("/models/no-such-model-anywhere"), 404)


async def unauthorised(suite: Suite) -> None:
    async with suite.http() as http:
        offered(await http.get("/models"))
    async with suite.http(authorised=False) as http:
        response = await http.get("/models")
        if response.status_code == 200:
            raise NotOffered("The server asks for no key.")
        is_error(response, 401)


SECTION = Section(
    "models",
    "REST: models",
    (
        Check("the models are listed", lists),
        Check("a model is shown by its id", one),
        Check("an unknown model is 404, in the API's shape", unknown),
        Check("without a key it is 401, in the API's shape", unauthorised),
    ),
)

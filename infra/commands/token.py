"""`token`: a bearer token for a person, issued by the running issuer to the client `operator`."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.parse
import urllib.request

from infra import naming
from infra.commands.context import Context
from infra.errors import EstaleiroError

CLIENT = naming.OPERATOR


def token(context: Context, scope: str) -> str:
    """Return an access token with `scope` (names separated by spaces).

    Raises EstaleiroError when the issuer is not deployed or says no.
    """
    outputs = context.outputs()
    arn = outputs.get(naming.release_part(context.config.issuer.name), {}).get("OperatorSecret")
    if arn is None:
        name = context.config.environment.name
        raise EstaleiroError(f"the issuer is not deployed in {name}; run `./deploy.py deploy {name}` first")
    secret = context.aws.secrets.value(arn)
    request = urllib.request.Request(  # noqa: S310 - the edge of our own environment
        f"{context.edge_url(outputs)}/oauth/token",
        data=urllib.parse.urlencode({"grant_type": "client_credentials", "scope": scope}).encode(),
        headers={"Authorization": "Basic " + base64.b64encode(f"{CLIENT}:{secret}".encode()).decode()},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            issued: str = json.load(answer)["access_token"]
            return issued
    except urllib.error.HTTPError as error:
        said = error.read(500).decode(errors="replace")
        raise EstaleiroError(f"the issuer refused a token for {scope!r}: {said}") from error
    except OSError as error:
        raise EstaleiroError(f"the edge does not answer ({error}); look at `./deploy.py status`") from error

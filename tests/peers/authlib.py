"""authlib as a peer. See README.md for the protocol."""

import base64
import json
import sys
import warnings

# The script's directory is first on the path, and the script has the name of the library.
sys.path.pop(0)

import authlib.deprecate

# The JOSE module is moving to another package, but applications still use this one.
# The import above adds its own warning filter.
warnings.simplefilter("ignore")

from authlib.jose import JsonWebKey, JsonWebSignature, JsonWebToken
from authlib.jose.errors import JoseError

KINDS = {"HS": "oct", "RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
SIZES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519"}
FIELD_BYTES = {"ES256": 32, "ES384": 48, "ES512": 66}


def generate(alg):
    size = int(alg[2:]) if alg.startswith("HS") else SIZES.get(alg, 2048)
    key = JsonWebKey.generate_key(KINDS[alg[:2]], size, is_private=True)
    private = jwk(key.as_dict(is_private=True), alg)
    if alg.startswith("HS"):
        return {"private": private, "public": private}
    return {"private": private, "public": jwk(key.as_dict(is_private=False), alg)}


def jwk(members, alg):
    """Removes the `kid` that authlib generates, which would override that of the header."""
    named = {name: value for name, value in members.items() if name != "kid"} | {"alg": alg}
    if alg in FIELD_BYTES:
        # authlib drops leading zero bytes, which RFC 7518 section 6.2.1.2 forbids.
        named |= {name: padded(named[name], FIELD_BYTES[alg]) for name in ("x", "y", "d") if name in named}
    return named


def padded(text, size):
    number = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return base64.urlsafe_b64encode(number.rjust(size, b"\0")).rstrip(b"=").decode()


def answer(request):
    match request["op"]:
        case "algorithms":
            return {"algorithms": list(JsonWebSignature.ALGORITHMS_REGISTRY)}
        case "generate":
            return generate(request["alg"])
        case "sign":
            library = JsonWebToken([request["alg"]])
            key = JsonWebKey.import_key(request["key"])
            header = {"alg": request["alg"], "typ": "JWT", **request["header"]}
            return {"token": library.encode(header, request["claims"], key).decode()}
        case "verify":
            library = JsonWebToken([request["alg"]])
            key = JsonWebKey.import_key(request["key"])
            wanted = {
                "iss": {"essential": True, "value": request["issuer"]},
                "aud": {"essential": True, "value": request["audience"]},
            }
            try:
                claims = library.decode(request["token"], key, claims_options=wanted)
                claims.validate()
            except (JoseError, ValueError) as problem:
                return {"ok": False, "error": repr(problem)}
            return {"ok": True, "claims": dict(claims)}


for line in sys.stdin:
    try:
        reply = answer(json.loads(line)) or {"error": "no such op"}
    except Exception as problem:
        reply = {"error": repr(problem)}
    print(json.dumps(reply), flush=True)

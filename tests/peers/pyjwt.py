"""PyJWT as a peer. See README.md for the protocol."""

import base64
import json
import secrets
import sys

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}


def generate(alg):
    algorithm = jwt.get_algorithm_by_name(alg)
    if alg.startswith("HS"):
        secret = base64.urlsafe_b64encode(secrets.token_bytes(int(alg[2:]) // 8)).rstrip(b"=").decode()
        key = {"kty": "oct", "k": secret, "alg": alg}
        return {"private": key, "public": key}
    if alg in CURVES:
        private = ec.generate_private_key(CURVES[alg]())
    elif alg == "EdDSA":
        private = ed25519.Ed25519PrivateKey.generate()
    else:
        private = rsa.generate_private_key(65537, 2048)
    jwk = lambda key: {**json.loads(algorithm.to_jwk(key)), "alg": alg}
    return {"private": plain(jwk(private)), "public": plain(jwk(private.public_key()))}


def plain(jwk):
    """Removes the `key_ops` that PyJWT adds: tests set it explicitly."""
    return {name: value for name, value in jwk.items() if name != "key_ops"}


def answer(request):
    match request["op"]:
        case "algorithms":
            return {"algorithms": list(jwt.algorithms.get_default_algorithms())}
        case "generate":
            return generate(request["alg"])
        case "sign":
            key = request["key"]
            key = key if isinstance(key, str) else jwt.PyJWK(key, request["alg"])
            claims, alg, header = request["claims"], request["alg"], request["header"]
            return {"token": jwt.encode(claims, key, alg, headers=header)}
        case "verify":
            key = jwt.PyJWK(request["key"], request["alg"])
            try:
                claims = jwt.decode(
                    request["token"],
                    key,
                    algorithms=[request["alg"]],
                    audience=request["audience"],
                    issuer=request["issuer"],
                )
            except jwt.InvalidTokenError as problem:
                return {"ok": False, "error": repr(problem)}
            return {"ok": True, "claims": claims}


for line in sys.stdin:
    try:
        reply = answer(json.loads(line)) or {"error": "no such op"}
    except Exception as problem:
        reply = {"error": repr(problem)}
    print(json.dumps(reply), flush=True)

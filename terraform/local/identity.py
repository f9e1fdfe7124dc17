"""Who may call the local stack: a key that signs tokens, and an IAM user who may invoke the router.

    identity.py make ENDPOINT DIRECTORY    makes what is missing; writes identity.auto.tfvars.json and caller.json there
    identity.py key DIRECTORY              makes only the key; writes its public half to keys.json there
    identity.py token DIRECTORY TENANT     prints a token for a tenant, good for an hour

Nothing here is a secret of anyone: the key and the user live as long as the emulator does, and the private key stays in the
git-ignored directory. Keys are made and used by the openssl program, so that no cryptography has to be installed.
"""

import base64
import hashlib
import json
import pathlib
import subprocess
import sys
import time

ISSUER = "https://identity.local/"
AUDIENCE = "cellstack-local"
HEADER = "x-cellstack-token"
USER = "cellstack-caller"


def text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*arguments, stdin=b""):
    return subprocess.run(["openssl", *arguments], input=stdin, stdout=subprocess.PIPE, check=True).stdout


def public_key(private):
    # A public key in DER ends with its point: x and y.
    point = openssl("pkey", "-in", str(private), "-pubout", "-outform", "DER")[-64:]
    return {
        "kty": "EC",
        "crv": "P-256",
        "use": "sig",
        "alg": "ES256",
        "kid": hashlib.sha256(point).hexdigest()[:16],
        "x": text(point[:32]),
        "y": text(point[32:]),
    }


def raw_signature(der):
    """r and s, 32 bytes each (RFC 7518, 3.4), of a SEQUENCE of two INTEGERs."""
    position, halves = 2, b""
    for _ in range(2):
        length = der[position + 1]
        halves += int.from_bytes(der[position + 2 : position + 2 + length], "big").to_bytes(32, "big")
        position += 2 + length
    return halves


def token(directory, tenant):
    private = directory / "key.pem"
    header = {"alg": "ES256", "typ": "JWT", "kid": public_key(private)["kid"]}
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": tenant, "iat": now, "nbf": now, "exp": now + 3600, "tenant_id": tenant}
    signed = ".".join(text(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    signature = raw_signature(openssl("dgst", "-sha256", "-sign", str(private), stdin=signed.encode()))
    return f"{signed}.{text(signature)}"


def make_key(directory):
    """Makes the key unless it is there, and returns its public half as a JWK set."""
    directory.mkdir(parents=True, exist_ok=True)
    private = directory / "key.pem"
    if not private.exists():
        curve = ("-pkeyopt", "ec_paramgen_curve:prime256v1", "-pkeyopt", "ec_param_enc:named_curve")
        key = openssl("genpkey", "-algorithm", "EC", *curve)
        private.touch(mode=0o600)
        private.write_bytes(key)
    return json.dumps({"keys": [public_key(private)]}, separators=(",", ":"))


def write_variables(directory, keys):
    jwt = {
        "issuer": ISSUER,
        "audience": [AUDIENCE],
        "algorithm": "ES256",
        "header": HEADER,
        "keys": keys,
    }
    (directory / "identity.auto.tfvars.json").write_text(json.dumps({"jwt": jwt}, indent=2) + "\n")


def make_caller(endpoint, directory):
    """A user with keys of his own and no policy: what lets him in is what Terraform grants to router_invokers. The
    emulator takes the key `test` for root, and checks no signature of root."""
    file = directory / "caller.json"
    if file.exists():
        return
    import botocore.session

    session = botocore.session.Session()
    iam = session.create_client(
        "iam", region_name="us-east-1", endpoint_url=endpoint, aws_access_key_id="test", aws_secret_access_key="test"
    )
    try:
        iam.create_user(UserName=USER)
    except iam.exceptions.EntityAlreadyExistsException:
        pass  # and its keys are lost: here come others
    key = iam.create_access_key(UserName=USER)["AccessKey"]
    file.touch(mode=0o600)
    file.write_text(json.dumps({"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}) + "\n")


def main():
    match sys.argv[1:]:
        case ["make", endpoint, directory]:
            directory = pathlib.Path(directory)
            write_variables(directory, make_key(directory))
            make_caller(endpoint, directory)
        case ["key", directory]:
            directory = pathlib.Path(directory)
            keys = make_key(directory)
            (directory / "keys.json").write_text(keys + "\n")
        case ["token", directory, tenant]:
            print(token(pathlib.Path(directory), tenant))
        case _:
            sys.exit("usage: identity.py make ENDPOINT DIRECTORY | identity.py key DIRECTORY | identity.py token DIRECTORY TENANT")


main()

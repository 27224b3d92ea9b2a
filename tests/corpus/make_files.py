"""Makes the certificates, keys and other files of tests/corpus/files anew, with openssl.

    python3 tests/corpus/make_files.py

They are committed, so that a test meets the same bytes each time; the keys are test keys and open
nothing. A new report is a line more here, and a row more in files/expected.tsv, which says what agw
makes of each file. tests/trust/corpus.rs reads that.
"""

import base64
import gzip
import hashlib
import io
import itertools
import pathlib
import re
import subprocess
import tempfile
import zipfile

HERE = pathlib.Path(__file__).parent
FOLDER = HERE / "files"
HOST = "gateway.test"
OPENED_BY = "secret"

CONFIG = """
[ca]
default_ca = own
[own]
database = index
new_certs_dir = .
rand_serial = yes
policy = any
unique_subject = no
default_md = {digest}
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[none]
[extensions]
{extensions}
"""

AUTHORITY = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign"
SERVER = f"basicConstraints=CA:FALSE\nsubjectAltName=DNS:{HOST}\nextendedKeyUsage=serverAuth"
POLICY_CONSTRAINTS = "\n2.5.29.36=critical,DER:30:03:80:01:00"
CLIENT = "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth"
P256 = ("EC", "ec_paramgen_curve:P-256")

# What is made along the way goes with the program.
TEMPORARY = tempfile.TemporaryDirectory()
WORK = pathlib.Path(TEMPORARY.name)


def openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], cwd=WORK, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"openssl {arguments}: {done.stderr.decode()}")
    return done.stdout


def key(name, algorithm, *options):
    """A private key in PKCS #8."""
    chosen = [word for option in options for word in ("-pkeyopt", option)]
    openssl("genpkey", "-algorithm", algorithm, *chosen, "-out", f"{name}.key")


def key_for(name):
    if not (WORK / f"{name}.key").exists():
        key(name, *P256)
    return f"{name}.key"


def configure(digest="sha256", extensions=""):
    (WORK / "config").write_text(CONFIG.format(digest=digest, extensions=extensions))
    (WORK / "index").write_text("")


def certificate(name, extensions, by=None, key_of=None, digest="sha256", called=None):
    """Valid from 2020 to 2119, so that no clock spoils it. Gives it in PEM."""
    own_key = key_for(key_of or name)
    configure(digest, extensions)
    openssl("req", "-new", "-config", "config", "-subj", f"/CN={called or name}", "-key", own_key,
            "-out", f"{name}.csr")
    issuer = (["-selfsign", "-keyfile", own_key] if by is None
              else ["-cert", f"{by}.crt", "-keyfile", f"{by}.key"])
    openssl("ca", "-batch", "-notext", "-config", "config", "-extensions",
            "extensions" if extensions else "none", *issuer, "-startdate", "20200101000000Z",
            "-enddate", "21190101000000Z", "-in", f"{name}.csr", "-out", f"{name}.crt")
    return read(f"{name}.crt")


def read(name):
    return (WORK / name).read_bytes()


def write(name, content):
    (FOLDER / name).write_bytes(content.encode() if isinstance(content, str) else content)


def der(pem):
    """What is between the first BEGIN and END."""
    body = re.search(rb"-----BEGIN [^-]+-----(.*?)-----END", pem, re.S).group(1)
    return base64.b64decode(body)


def pem(label, content):
    text = base64.encodebytes(content).decode().replace("\n", "")
    lines = [text[place:place + 64] for place in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def authorities():
    """One CA's certificate in every form in which it is given."""
    ca = certificate("ca", AUTHORITY)
    text = ca.decode()
    write("ca.pem", ca)
    write("ca.der", der(ca))
    write("ca-crlf.pem", text.replace("\n", "\r\n"))
    write("ca-old-mac.pem", text.replace("\n", "\r"))
    write("ca-utf8-mark.pem", "\ufeff" + text)
    write("ca-utf16le.pem", ("\ufeff" + text.replace("\n", "\r\n")).encode("utf-16-le"))
    write("ca-utf16be.pem", ("\ufeff" + text).encode("utf-16-be"))
    write("ca-utf16le-bare.pem", text.encode("utf-16-le"))
    write("ca-x509-label.pem", text.replace(" CERTIFICATE", " X509 CERTIFICATE"))
    write("ca-gbk-comment.pem", "# 网关\n".encode("gbk") + ca)
    write("ca-trusted.pem", openssl("x509", "-in", "ca.crt", "-trustout", "-addtrust", "serverAuth",
                                    "-setalias", "gateway"))
    write("ca-v1.pem", version_one("old-ca"))
    write("ca-policy.pem", certificate("policy", AUTHORITY + POLICY_CONSTRAINTS))


def version_one(name, key_of=None, by=None):
    """openssl x509 -req makes version 1 where it has no extensions to add."""
    own_key = key_for(key_of or name)
    openssl("req", "-new", "-subj", f"/CN={name}", "-key", own_key, "-out", "v1.csr")
    signer = (["-signkey", own_key] if by is None
              else ["-CA", f"{by}.crt", "-CAkey", f"{by}.key", "-CAcreateserial"])
    return openssl("x509", "-req", "-in", "v1.csr", "-days", "36500", *signer)


def bundles():
    ca = read("ca.crt")
    other = certificate("other-ca", AUTHORITY)
    damaged = bytearray(der(other))
    damaged[4 + damaged.index(0x30, 4)] ^= 0xFF
    damaged = pem("CERTIFICATE", bytes(damaged)).encode()
    write("bundle.der", der(ca) * 2)
    write("bundle.pem", b"Subject: CN=ca\n" + ca + b"\nanother\n" + other)
    # As PowerShell's >> leaves it, and as a file from another system.
    write("bundle-second-utf16le-damaged.pem", ca + damaged.decode().encode("utf-16-le"))
    write("bundle-first-utf16le-damaged.pem",
          ("\ufeff" + ca.decode()).encode("utf-16-le") + damaged)
    write("bundle-second-der.pem", ca + der(other))
    write("bundle-second-damaged.pem", ca + damaged + other)
    write("bundle-second-cut.pem", ca + other[:200] + b"\n" + ca)
    write("bundle-second-no-base64.pem",
          ca + b"-----BEGIN CERTIFICATE-----\n!?!?\n-----END CERTIFICATE-----\n" + other)
    write("bundle-one-line.pem", ca.replace(b"\n", b" "))
    write("damaged.pem", damaged)
    write("empty-section.pem", ca + pem("CERTIFICATE", b"").encode())
    write("mislabelled.pem", pem("CERTIFICATE", der(openssl("genpkey", "-algorithm", "ED25519"))))


def spoilt():
    """What mails, editors, scripts and downloads make of a good file."""
    ca = read("ca.crt").decode()
    body = ca.partition("\n")[2]
    write("bundle-joined.pem", ca.rstrip() + ca)
    write("bundle-second-without-begin.pem", ca + body)
    write("bundle-second-behind-text.pem", ca + "Subject: CN=ca " + ca)
    write("bundle-second-commented-out.pem", ca + "# " + ca.rstrip().replace("\n", "\n# ") + "\n")
    write("ca-quoted.pem", "> " + ca.rstrip().replace("\n", "\n> ") + "\n")
    write("ca-in-json.txt", '{"ca": "' + ca.replace("\n", "\\n") + '"}\n')
    write("ca-long-dashes.pem", ca.replace("-----", "\u2014\u2014\u2014"))
    write("ca-in-base64.txt", base64.encodebytes(ca.encode()))
    write("ca-cut.der", der(ca.encode())[:-40])
    write("ca-utf32le.pem", ("\ufeff" + ca).encode("utf-32-le"))
    write("ca-utf16le-comment.pem", ("Subject: CN=ca\r\n" + ca).encode("utf-16-le"))
    write("ca-other-label.pem", ca.replace(" CERTIFICATE", " ATTRIBUTE CERTIFICATE"))
    write("key-joined.pem", read("client.crt").decode().rstrip() + read("client.key").decode())
    write("key-without-begin.pem", read("client.key").decode().partition("\n")[2])
    # BER, as some programs leave it: its end is not known at its beginning.
    for name in ["store.p12", "store-der.p7b"]:
        content = (FOLDER / name).read_bytes()
        length = content[1] - 0x80 if content[1] > 0x80 else 0
        write(name.replace(".", "-ber."), b"\x30\x80" + content[2 + length:] + bytes(2))


def other_forms():
    """What people have instead of PEM."""
    openssl("crl2pkcs7", "-nocrl", "-certfile", "ca.crt", "-out", "p7")
    write("store-pem.p7b", read("p7"))
    write("store-der.p7b", der(read("p7")))
    write("store-called-certificate.p7b", pem("CERTIFICATE", der(read("p7"))))
    write("store.p12", openssl("pkcs12", "-export", "-inkey", "ca.key", "-in", "ca.crt", "-passout",
                               f"pass:{OPENED_BY}"))
    # Empty ones, as keytool would leave: magic, version, number of entries, and the checksum.
    for name, magic in [("store.jks", "feedfeed"), ("store.jceks", "cececece")]:
        content = bytes.fromhex(magic) + (2).to_bytes(4, "big") + bytes(4)
        secret = OPENED_BY.encode("utf-16-be") + b"Mighty Aphrodite"
        write(name, content + hashlib.sha1(secret + content, usedforsecurity=False).digest())
    # What they begin with.
    write("store.bks", bytes.fromhex("0000000200000014") + bytes(range(40)))
    write("cert9.db", b"SQLite format 3\0" + bytes(84))
    write("cert8.db", bytes.fromhex("0006156100000002") + bytes(84))
    write("key.pvk", bytes.fromhex("1ef1b5b0") + bytes(60))
    write("store-p12.pem", pem("PKCS12", (FOLDER / "store.p12").read_bytes()))
    write("store-p12-called-certificate.pem",
          pem("CERTIFICATE", (FOLDER / "store.p12").read_bytes()))
    write("request.pem", read("ca.csr"))
    write("request.der", der(read("ca.csr")))
    configure()
    revoked = openssl("ca", "-gencrl", "-config", "config", "-crldays", "36500", "-cert", "ca.crt",
                      "-keyfile", "ca.key")
    write("revoked.crl.pem", revoked)
    write("revoked.crl", der(revoked))
    write("page.html", "<!DOCTYPE html>\n<html><body>Please sign in</body></html>\n")
    write("empty.pem", "")
    write("blanks.pem", " \r\n\r\n")
    write("note.txt", "The certificate follows on Monday.\n")
    write("bare-base64.txt", base64.encodebytes(der(read("ca.crt"))))
    write("in-hex.txt", der(read("ca.crt")).hex() + "\n")
    # As Azure's Key Vault gives it, and Kubernetes.
    write("store-in-base64.txt", base64.encodebytes((FOLDER / "store.p12").read_bytes()))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(zipfile.ZipInfo("ca.pem"), read("ca.crt"))
    write("archive.zip", archive.getvalue())
    write("ca.pem.gz", gzip.compress(read("ca.crt"), mtime=0))


def keys():
    """One key in every form, and keys of every kind."""
    key("client", *P256)
    plain = read("client.key")
    write("key.pem", plain)
    write("key.der", der(plain))
    write("key-utf16le.pem", ("\ufeff" + plain.decode()).encode("utf-16-le"))
    parameters = openssl("ecparam", "-name", "prime256v1")
    older = openssl("pkey", "-in", "client.key", "-traditional")
    write("key-sec1.pem", parameters + older)
    write("key-sec1.der", der(older))
    encrypting = ["-passout", f"pass:{OPENED_BY}"]
    encrypted = openssl("pkcs8", "-topk8", "-in", "client.key", *encrypting)
    write("key-encrypted.pem", encrypted)
    write("key-encrypted.der", der(encrypted))
    write("key-encrypted-old.pem", openssl("ec", "-in", "client.key", "-aes128", *encrypting))
    public = openssl("pkey", "-in", "client.key", "-pubout")
    write("key-public.pem", public)
    write("key-public.der", der(public))
    openssh = b"openssh-key-v1\0" + bytes(range(64))
    write("key-openssh.pem", pem("OPENSSH PRIVATE KEY", openssh))
    write("key-ssh.pub", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== agent@desk\n")
    write("key.ppk", "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n")
    write("key-ssh2.pub", "---- BEGIN SSH2 PUBLIC KEY ----\nAAAAC3NzaC1lZDI1NTE5AAAAIA==\n"
          "---- END SSH2 PUBLIC KEY ----\n")
    write("key-damaged.pem", pem("PRIVATE KEY", der(plain)[:-20]))
    odd_keys()
    for name, how in {
        "p384": ["EC", "ec_paramgen_curve:P-384"],
        "p521": ["EC", "ec_paramgen_curve:P-521"],
        "ed25519": ["ED25519"],
        "ed448": ["ED448"],
        "sm2": ["SM2"],
        "rsa1024": ["RSA", "rsa_keygen_bits:1024"],
        "rsa2048": ["RSA", "rsa_keygen_bits:2048"],
        # Odd ones, too.
        "rsa-2560": ["RSA", "rsa_keygen_bits:2560"],
        "rsa-exponent-3": ["RSA", "rsa_keygen_bits:2048", "rsa_keygen_pubexp:3"],
        "rsa-three-primes": ["RSA", "rsa_keygen_bits:2048", "rsa_keygen_primes:3"],
    }.items():
        key(name, *how)
        write(f"key-{name}.pem", read(f"{name}.key"))


def odd_keys():
    """Such as agw cannot sign with although it knows their kind."""
    explicit = openssl("ec", "-in", "client.key", "-param_enc", "explicit")
    write("key-curve-in-numbers-sec1.pem", explicit)
    (WORK / "explicit").write_bytes(explicit)
    write("key-curve-in-numbers.pem", openssl("pkcs8", "-topk8", "-nocrypt", "-in", "explicit"))
    (WORK / "bare").write_bytes(openssl("ec", "-in", "client.key", "-no_public"))
    write("key-without-public.pem", openssl("pkcs8", "-topk8", "-nocrypt", "-in", "bare"))
    openssl("dsaparam", "-out", "dsa", "1024")
    openssl("gendsa", "-out", "dsa.key", "dsa")
    write("key-dsa.pem", openssl("pkey", "-in", "dsa.key", "-traditional"))


def clients():
    client = certificate("client", CLIENT, by="ca")
    write("client.pem", client)
    write("client.der", der(client))
    write("client-and-line-end.der", der(client) + b"\r\n")
    write("client-and-ca.der", der(client) + der(read("ca.crt")))
    write("client-utf16be.pem", ("\ufeff" + client.decode()).encode("utf-16-be"))
    write("client-and-key.pem", client + read("client.key"))
    others = [(FOLDER / f"key-{name}.pem").read_bytes() for name in ("p521", "p384")]
    write("client-and-three-keys.pem", b"".join([client, *others, read("client.key")]))
    write("client-and-encrypted-key.pem", client + (FOLDER / "key-encrypted.pem").read_bytes())
    write("client-and-ca.pem", client + read("ca.crt"))
    write("client-wrong-order.pem", read("ca.crt") + client)
    write("client-v1.pem", version_one("client-v1", key_of="client", by="ca"))
    for name in ["p384", "p521", "ed25519", "rsa1024", "rsa2048"]:
        write(f"client-{name}.pem", certificate(f"client-{name}", CLIENT, by="ca", key_of=name))


def gateway(name, *above, called=None, extensions=SERVER, digest="sha256"):
    """What a gateway presents, with the key of key.pem; the last above it is trusted, not sent."""
    leaf = called or name
    certificate(leaf, extensions, by=above[0], key_of="client", digest=digest)
    write(f"gateway-{name}.pem", b"".join(read(f"{one}.crt") for one in [leaf, *above[:-1]]))


def weak_keys():
    """Keys and signatures that agw does not take."""
    for name, digest in [("rsa1024", "sha256"), ("p521", "sha512")]:
        write(f"ca-{name}.pem", certificate(f"ca-{name}", AUTHORITY, key_of=name, digest=digest))
        (WORK / f"ca-{name}.key").write_bytes(read(f"{name}.key"))
    gateway("weak-ca", "ca-rsa1024", called="by-rsa1024")
    gateway("p521-ca", "ca-p521", called="by-p521", digest="sha512")
    gateway("p521-sha256-ca", "ca-p521", called="by-p521-sha256")
    certificate("weak-middle", AUTHORITY, by="ca", key_of="rsa1024")
    (WORK / "weak-middle.key").write_bytes(read("rsa1024.key"))
    gateway("weak-intermediate", "weak-middle", "ca", called="by-weak-middle")
    for digest in ["sha1", "sha512"]:
        gateway(digest, "ca", digest=digest)


def extensions():
    policies = "\ncertificatePolicies=critical,1.3.6.1.4.1.99999.1"
    unheard = "\n1.3.6.1.4.1.99999.2=critical,DER:05:00"
    gateway("policy-constraints", "ca", extensions=SERVER + POLICY_CONSTRAINTS)
    gateway("policies", "ca", extensions=SERVER + policies)
    gateway("unheard-extension", "ca", called="unheard", extensions=SERVER + unheard)
    certificate("policied", AUTHORITY + POLICY_CONSTRAINTS, by="ca")
    gateway("policy-above", "policied", "ca", called="by-policied")


def chains():
    constraints = AUTHORITY + "\nnameConstraints=critical,permitted;DNS:other.test"
    write("ca-constrained.pem", certificate("ca-constrained", constraints))
    gateway("name-constraints", "ca-constrained", called="by-constrained")
    short = "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign"
    certificate("short", short, by="ca")
    certificate("below-short", AUTHORITY, by="short")
    gateway("path-length", "below-short", "short", "ca", called="by-below-short")
    certificate("no-ca", SERVER, by="ca")
    gateway("issuer-no-ca", "no-ca", "ca", called="by-no-ca")
    deep = ["ca", *(f"level-{number}" for number in range(1, 9))]
    for above, own in itertools.pairwise(deep):
        certificate(own, AUTHORITY, by=above)
    gateway("long-chain", *reversed(deep), called="by-level-8")
    # A CA of the same name with another key; the gateway's own is trusted.
    certificate("namesake", AUTHORITY, called="ca")
    gateway("namesake", "namesake", called="stranger")


def names():
    others = "IP:::1,IP:10.1.2.3,URI:urn:a,email:a@b.test"
    gateway("addresses", "ca", extensions=SERVER.replace(f"DNS:{HOST}", others))
    purpose = SERVER.replace("serverAuth", "codeSigning")
    gateway("code-signing", "ca", called="purposes", extensions=purpose)


def servers():
    """What agw takes, and keys that only openssl serves."""
    for name in ["rsa1024", "p521"]:
        write(f"server-{name}.pem", certificate(f"server-{name}", SERVER, by="ca", key_of=name))
    write("server.pem", certificate("server", SERVER, by="ca", key_of="client"))
    write("gateway-v1.pem", version_one("gateway-v1", key_of="client", by="ca"))


def main():
    for old in FOLDER.iterdir():
        if old.name != "expected.tsv":
            old.unlink()
    forms = [authorities, bundles, keys, clients, other_forms, spoilt]
    for step in [*forms, weak_keys, extensions, chains, names, servers]:
        step()


if __name__ == "__main__":
    main()

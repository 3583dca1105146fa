import json, sqlite3, ssl
print(json.dumps({"sqlite": sqlite3.sqlite_version, "ssl": ssl.OPENSSL_VERSION}))

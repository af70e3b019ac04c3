#!/bin/sh
# Starts PostgreSQL as RDS shows it: the superuser is `rdsadmin` and reachable on the local socket alone; people and programs
# use the master login, which is no superuser. Arguments (`-c name=value`) are handed to the server.
#
#   MASTER_USER, MASTER_PASSWORD   the master login; default POSTGRES_USER, POSTGRES_PASSWORD
#   POSTGRES_PASSWORD              the superuser's password
#   DATABASE                       the initial database, owned by the master; default POSTGRES_DB
#   FORCE_SSL=1                    refuses connections without TLS
#   /tls/server.crt, server.key    the server's certificate; without them there is no TLS
set -eu

export MASTER_USER="${MASTER_USER:-${POSTGRES_USER:-}}"
export MASTER_PASSWORD="${MASTER_PASSWORD:-${POSTGRES_PASSWORD:-}}"
export DATABASE="${DATABASE:-${POSTGRES_DB:-}}"
TLS=/var/lib/postgresql/tls

main() {
    if [ "$MASTER_USER" = rdsadmin ]; then
        echo 'postgres: the master user may not be called rdsadmin, which is the superuser: choose another MASTER_USER' >&2
        exit 1
    fi
    # The official image is started as `postgres -c …` too.
    if [ "${1:-}" = postgres ]; then shift; fi
    if [ "$(id -u)" = 0 ]; then become_postgres "$@"; fi
    make_cluster
    write_access_rules
    set_accounts
    serve "$@"
}

become_postgres() {
    install -d -o postgres -g postgres -m 0700 "$PGDATA" "$TLS"
    install -d -o postgres -g postgres -m 0755 /var/run/postgresql
    if [ -f /tls/server.crt ]; then
        # The server refuses a key that others may read or that is not its own.
        install -o postgres -g postgres -m 0600 /tls/server.crt /tls/server.key "$TLS"
    fi
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
}

make_cluster() {
    if [ -f "$PGDATA/made" ]; then return; fi
    # A start that was killed half-way left files that initdb would refuse.
    find "$PGDATA" -mindepth 1 -delete
    initdb --pgdata="$PGDATA" --username=rdsadmin --encoding=UTF8 --locale=C.UTF-8 --no-instructions > /dev/null
    touch "$PGDATA/made"
}

write_access_rules() {
    kind=host
    if [ "${FORCE_SSL:-0}" = 1 ]; then kind=hostssl; fi
    cat > "$PGDATA/pg_hba.conf" << RULES
local all rdsadmin peer map=superuser
local all all scram-sha-256
host all rdsadmin all reject
$kind all all all scram-sha-256
RULES
    printf '%s\n' 'superuser postgres rdsadmin' 'superuser root rdsadmin' > "$PGDATA/pg_ident.conf"
}

# The server that these statements run in answers on a socket of its own, so nobody takes it for the real one.
set_accounts() {
    pg_ctl start --wait --silent --pgdata="$PGDATA" --options="-c listen_addresses='' -k $PGDATA"
    psql --quiet --no-psqlrc --tuples-only --host="$PGDATA" --username=rdsadmin --dbname=postgres \
        --file=/usr/local/share/accounts.sql || accounts=failed
    pg_ctl stop --wait --silent --mode=fast --pgdata="$PGDATA"
    if [ "${accounts:-set}" = failed ]; then exit 1; fi
}

serve() {
    if [ -f "$TLS/server.key" ]; then
        set -- -c ssl=on -c ssl_cert_file="$TLS/server.crt" -c ssl_key_file="$TLS/server.key" "$@"
    fi
    postgres -D "$PGDATA" -c listen_addresses='*' -c port=5432 -c jit=off \
        -c unix_socket_directories=/var/run/postgresql "$@" &
    server=$!
    trap 'kill -INT "$server" 2> /dev/null' INT TERM
    # A trapped signal ends `wait` early, so this waits until the server has gone.
    code=0
    while kill -0 "$server" 2> /dev/null; do
        code=0
        wait "$server" || code=$?
    done
    exit "$code"
}

main "$@"

# MariaDB as Debian installs it, for tests/integration/test_mysql_source.py:
#   docker build -t event-log-test-mariadb:dev -f tests/integration/mariadb.Dockerfile tests/integration
FROM debian:trixie-slim
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mariadb-server \
 && rm -rf /var/lib/mysql/* /var/lib/apt/lists/* /var/cache/apt/*

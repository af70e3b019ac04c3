-- Brings the logins and the initial database to what the environment says; running it twice changes nothing.
\set ON_ERROR_STOP on
\set superuser_password ''
\set master ''
\set master_password ''
\set database ''
\getenv superuser_password POSTGRES_PASSWORD
\getenv master MASTER_USER
\getenv master_password MASTER_PASSWORD
\getenv database DATABASE

SELECT format('ALTER ROLE rdsadmin PASSWORD %L', :'superuser_password') WHERE :'superuser_password' <> '' \gexec

SELECT format('CREATE ROLE %I', :'master')
WHERE :'master' <> '' AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'master') \gexec

-- What AWS gives the master user: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.MasterAccounts.html
SELECT format('ALTER ROLE %I LOGIN NOSUPERUSER NOREPLICATION NOBYPASSRLS CREATEDB CREATEROLE PASSWORD %L',
              :'master', :'master_password') WHERE :'master' <> '' \gexec

SELECT format('CREATE DATABASE %I', :'database')
WHERE :'database' <> '' AND NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec

SELECT format('ALTER DATABASE %I OWNER TO %I', :'database', :'master')
WHERE :'database' NOT IN ('', 'postgres') AND :'master' <> '' \gexec

"""A stand-in for S3, Glue and Athena on 127.0.0.1, for the tests.

S3 is ministack's as it is. Glue and Athena are ours: they keep their state in ministack's stores (one for each account
and region) and answer in its place. In reading order:

    api        how a request fails, and how lists are cut into pages
    storage    objects, as queries read and write them
    glue       databases, tables, partitions; glue_expression: the filter of GetPartitions
    results    what Athena makes of rows: types, texts, the CSV
    engine_duckdb, tables, sql      SELECT by DuckDB, over the files that Glue names
    engine_trino                    SELECT by a real Trino, with ATHENA_TRINO=http://127.0.0.1:PORT
    statements                      the other statements: DDL, SHOW, MSCK, UNLOAD, CTAS, INSERT
    workgroups, athena              Athena's API: a query's life from QUEUED to its end
    __main__                        the server
"""

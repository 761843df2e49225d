use crate::support::process::Sandbox;
use insta::assert_snapshot;

#[test]
fn help_of_the_program() {
    assert_snapshot!(Sandbox::new().shown("--help"), @r"
        $ firelake --help
        -- stdout
        Turns the JSON that Amazon Data Firehose drops into S3 into a clean, partitioned Parquet lake,
        exactly once, and answers SQL over it

        Usage: firelake <COMMAND>

        Commands:
          discover  Propose a schema for what has landed, or say what changed in it
          compact   Turn landed JSON objects into Parquet, each record exactly once, and publish
          merge     Make few files of the many small ones that partitions collect; compact does that, too
          query     Ask the lake a question in SQL, or by the name of a query
          queries   List the named queries, or print the text of one
          report    Run queries and check what they expect of their answers, for CI
          files     Print a table's live files, for programs that read Parquet themselves
          status    How tables stand: what is in them, what has landed and is not, what waits
          history   What happened to a table: its commits, where an object's records went, where a file came
                    from
          verify    Check that a table is whole: ledger, files, landing zone, catalog
          rollback  Go back to what a table was after an earlier commit, and hold it there
          resume    End the hold of a rollback: compact takes again what it took out
          rebuild   Read again what landed in some hours, and replace what was made of it
          redrive   Decode rejected records once more, and open what Firehose could not deliver
          expire    Take out the partitions that are older than a span
          gc        Condemn what is out of use, and delete what was condemned long enough ago
          catalog   What the catalog says, what publishing would change, and what others changed
          generate  Write a made-up access log as Firehose would deliver it
          demo      Generate, compact and query a small lake, and say what to try next
          help      Print this message or the help of the given subcommand(s)

        Options:
          -h, --help     Print help
          -V, --version  Print version

        Exit codes: 0 done; 1 failed, or some objects are waiting; 2 wrong usage or configuration; 3 an
        expectation or a check of verify does not hold, more rejected records than --max-rejected, drift in
        the catalog, or what discover --exit-code found changed; 4 over the scan budget; 75 try again later;
        130 stopped by Ctrl-C.

        A first look, with no AWS and no data of yours: firelake demo
        -- exit code 0
        ");
}

#[test]
fn help_of_discover() {
    assert_snapshot!(Sandbox::new().shown("discover --help"), @r"
        $ firelake discover --help
        -- stdout
        Propose a schema for what has landed, or say what changed in it

        Usage: firelake discover [OPTIONS]

        Options:
              --lake <URL>
                  The lake: a folder, or its URL

              --database <NAME>
                  The database of tables that name none [default: logs]

              --config <FILE>
                  The configuration [default: firelake.toml, where there is one]

              --region <NAME>
                  The AWS region [default: as the AWS CLI finds it]

              --endpoint-url <URL>
                  Where S3, Glue and Athena are, if not at AWS [default: AWS_ENDPOINT_URL, or the one of the
                  profile]

              --landing <URL>
                  A landing prefix: a folder, or its URL. May be repeated [default: those of the table]

              --against <NAME|FILE>
                  Say what this schema, a shipped one or a file, does not know of what landed

              --table <NAME>
                  The same for the schema of a table that there is

              --sample <SIZE>
                  Read so much of the records without their compression, spread over up to 1,000 objects
                  from the oldest to the newest

                  [default: 64MiB]

              --all
                  Read all of it

              --out <FILE>
                  Write the schema into this file; with --against or --table the one that knows what is new

              --force
                  Write over a file that is there

              --no-examples
                  Put no values of the data into the comments

              --exit-code
                  Exit with 3 where the schema does not know something

              --json
                  Print a JSON object of what was found

              --max-record <SIZE>
                  Longer records are damaged [default: 16MiB]

              --max-decompressed <SIZE>
                  Leave out an object that holds more bytes than this without its compression [default:
                  4GiB]

          -h, --help
                  Print help (see a summary with '-h')

        A schema for what has landed, and a table of it:
          firelake discover --landing s3://my-landing/orders/ --out orders.toml
          firelake compact --landing s3://my-landing/orders/ --schema ./orders.toml --lake s3://my-lake

        What changed since, and the schema with what is new at its end:
          firelake discover --lake s3://my-lake --table orders --out evolved.toml

        A sample cannot know what it did not see. compact loses none of that: what a schema does not know is
        in the column extra.
        -- exit code 0
        ");
}

#[test]
fn help_of_compact() {
    assert_snapshot!(Sandbox::new().shown("compact --help"), @r"
        $ firelake compact --help
        -- stdout
        Turn landed JSON objects into Parquet, each record exactly once, and publish

        Usage: firelake compact [OPTIONS]

        Options:
              --lake <URL>
                  The lake: a folder, or its URL

              --database <NAME>
                  The database of tables that name none [default: logs]

              --config <FILE>
                  The configuration [default: firelake.toml, where there is one]

              --region <NAME>
                  The AWS region [default: as the AWS CLI finds it]

              --endpoint-url <URL>
                  Where S3, Glue and Athena are, if not at AWS [default: AWS_ENDPOINT_URL, or the one of the
                  profile]

              --landing <URL>
                  A landing prefix: a folder, or its URL; with a * at its end, all that begins so. May be
                  repeated. Needed once, when the table is made

              --schema <NAME|FILE>
                  A shipped schema (combined_apache, aws_waf, …; an unknown name lists them) or a schema
                  file. Needed once, when the table is made, and to change it

              --table <NAME>
                  The table [default: the schema's name; without flags, every table of firelake.toml]

              --catalog <KIND>
                  Where the table is published: file (in the lake itself) or glue (AWS Glue, for Athena)
                  [default: file]

              --settle <SPAN>
                  Leave objects younger than this for a later run [default: 0s]

              --lookback <SPAN>
                  How far back of the newest known delivery hour to list [default: 72h]

              --max-rejected <SHARE>
                  Exit with 3 where more than this share of the records is rejected, such as 1%; what was
                  read is committed all the same

              --max-record <SIZE>
                  Reject records of more bytes than this; memory grows with it [default: 16MiB]

              --max-decompressed <SIZE>
                  Leave an object waiting that holds more bytes than this without its compression [default:
                  4GiB]

              --add-landing
                  Take a landing prefix that the table does not have yet into it

              --no-merge
                  Leave small files as they are: `firelake merge` makes few of them

              --shard <I/N>
                  Take only this share of the landed objects, such as 3/8: for several machines at once

              --json
                  Print a JSON object a table

              --threads <N>
                  Threads that decode, and as many that write [default: one a processor]

              --batch-mib <MIB>
                  Landed bytes of one commit at most, in MiB

                  [default: 1024]

          -h, --help
                  Print help (see a summary with '-h')
        -- exit code 0
        ");
}

#[test]
fn help_of_query() {
    assert_snapshot!(Sandbox::new().shown("query --help"), @r#"
        $ firelake query --help
        -- stdout
        Ask the lake a question in SQL, or by the name of a query

        Usage: firelake query [OPTIONS] [SQL|NAME]

        Arguments:
          [SQL|NAME]
                  SQL, or the name of a query

        Options:
              --lake <URL>
                  The lake: a folder, or its URL

              --database <NAME>
                  The database of tables that name none [default: logs]

              --config <FILE>
                  The configuration [default: firelake.toml, where there is one]

              --region <NAME>
                  The AWS region [default: as the AWS CLI finds it]

              --endpoint-url <URL>
                  Where S3, Glue and Athena are, if not at AWS [default: AWS_ENDPOINT_URL, or the one of the
                  profile]

          -f, --file <FILE>
                  Read the query from a file (- for standard input)

              --format <table|csv|json|ndjson>
                  How the answer is written

                  [default: table]

              --param <NAME=VALUE>
                  A value for a parameter of the query. May be repeated

              --engine <local|athena>
                  Who answers: local (DataFusion, in this process) or athena (AWS) [default: local]

              --catalog <KIND>
                  Where tables are looked up that the lake has no ledger of: file or glue [default: file]

              --workgroup <NAME>
                  Athena's workgroup [default: primary]

              --output-location <URL>
                  Where Athena writes results [default: where the workgroup says]

              --timeout <SPAN>
                  Give up and cancel a query in Athena that takes longer, such as 10m

              --table <NAME>
                  The table that stands in for `access`

              --reference <NAME=FILE>
                  A CSV file to join with, as a table of that name. May be repeated

              --as-of <COMMIT|TIME>
                  Answer from what the lake's tables were after this commit, or at this time, as RFC 3339 or
                  a date (local engine only)

              --queries <DIR>
                  A folder of your own named queries [default: `folder` of [query] in firelake.toml]

          -h, --help
                  Print help (see a summary with '-h')

        Examples:
          firelake query --lake lake "SELECT status, count(*) AS n FROM access GROUP BY 1 ORDER BY 2 DESC"
          firelake query --lake lake client_windows --format csv
          firelake query --lake lake "SELECT * FROM access WHERE client_ip = :ip" --param ip=203.0.113.7
          firelake query --engine athena --workgroup analysts --timeout 10m client_windows

        firelake queries lists the named queries.
        -- exit code 0
        "#);
}

#[test]
fn no_command() {
    let told = Sandbox::new().run("").exits(2);
    assert_eq!(told.stdout, "");
    assert!(told.stderr.contains("Usage: firelake <COMMAND>"), "{told:?}");
}

#[test]
fn help_of_report() {
    assert_snapshot!(Sandbox::new().shown("report --help"), @r"
        $ firelake report --help
        -- stdout
        Run queries and check what they expect of their answers, for CI

        Usage: firelake report [OPTIONS] <FILE|DIR|NAME>...

        Arguments:
          <FILE|DIR|NAME>...
                  Queries: files, folders (every *.sql below them), or names

        Options:
              --lake <URL>
                  The lake: a folder, or its URL

              --database <NAME>
                  The database of tables that name none [default: logs]

              --config <FILE>
                  The configuration [default: firelake.toml, where there is one]

              --region <NAME>
                  The AWS region [default: as the AWS CLI finds it]

              --endpoint-url <URL>
                  Where S3, Glue and Athena are, if not at AWS [default: AWS_ENDPOINT_URL, or the one of the
                  profile]

              --param <NAME=VALUE>
                  A value for a parameter, in each query that has it. May be repeated

              --markdown <FILE>
                  Write the report as Markdown, for a CI job's page

              --junit <FILE>
                  Write the report as JUnit XML, a test case an expectation

              --json
                  Print a JSON object a query, and one with the totals

              --engine <local|athena>
                  Who answers: local (DataFusion, in this process) or athena (AWS) [default: local]

              --catalog <KIND>
                  Where tables are looked up that the lake has no ledger of: file or glue [default: file]

              --workgroup <NAME>
                  Athena's workgroup [default: primary]

              --output-location <URL>
                  Where Athena writes results [default: where the workgroup says]

              --timeout <SPAN>
                  Give up and cancel a query in Athena that takes longer, such as 10m

              --table <NAME>
                  The table that stands in for `access`

              --reference <NAME=FILE>
                  A CSV file to join with, as a table of that name. May be repeated

              --as-of <COMMIT|TIME>
                  Answer from what the lake's tables were after this commit, or at this time, as RFC 3339 or
                  a date (local engine only)

              --queries <DIR>
                  A folder of your own named queries [default: `folder` of [query] in firelake.toml]

          -h, --help
                  Print help (see a summary with '-h')

        Examples:
          firelake report --lake lake checks
          firelake report --lake lake checks/errors.sql client_windows --param from=2026-11-20
          firelake report --lake lake checks --junit report.xml --markdown report.md

        A query says in its header what is expected of its answer, such as
          -- expect: rows = 0
          -- expect: max(requests) <= 1000
          -- expect: client_ip is not null

        Exit codes: 0 all expectations hold; 1 a query broke; 2 wrong usage, and nothing was run; 3 an
        expectation does not hold.
        -- exit code 0
        ");
}

#[test]
fn help_of_status() {
    assert_snapshot!(Sandbox::new().shown("status -h"), @r"
        $ firelake status -h
        -- stdout
        How tables stand: what is in them, what has landed and is not, what waits

        Usage: firelake status [OPTIONS]

        Options:
              --lake <URL>       The lake: a folder, or its URL
              --database <NAME>  The database of tables that name none [default: logs]
              --config <FILE>    The configuration [default: firelake.toml, where there is one]
              --table <NAME>     The table [default: every table of firelake.toml, or else of the database
                                 in the lake]
              --json             Print a JSON object a table
          -h, --help             Print help (see more with '--help')

        Exit code 0; 1 where objects wait, or where something could not be found out. Nothing is changed.

        Examples:
          firelake status
          firelake status --lake lake --table access --json
        -- exit code 0
        ");
}

#[test]
fn help_of_history() {
    assert_snapshot!(Sandbox::new().shown("history -h"), @r"
        $ firelake history -h
        -- stdout
        What happened to a table: its commits, where an object's records went, where a file came from

        Usage: firelake history [OPTIONS]

        Options:
              --lake <URL>       The lake: a folder, or its URL
              --database <NAME>  The database of tables that name none [default: logs]
              --config <FILE>    The configuration [default: firelake.toml, where there is one]
              --table <NAME>     The table [default: every table of firelake.toml, or else of the database
                                 in the lake]
              --limit <N>        The newest commits to list [default: 20]
              --object <URL>     Where did the records of this landed object go?
              --file <PATH>      Where did this file of the lake come from? A path, a URL, or its name alone
              --json             Print JSON, an object a line
          -h, --help             Print help (see more with '--help')

        Examples:
          firelake history --lake lake --table access
          firelake history --lake lake --table access --object
          landing/2026/11/20/09/web-1-2026-11-20-09-00-00-0f8fad5b.gz
          firelake history --lake lake --table access --file
          [uuid]-00000.parquet
        -- exit code 0
        ");
}

#[test]
fn help_of_verify() {
    assert_snapshot!(Sandbox::new().shown("verify -h"), @r"
        $ firelake verify -h
        -- stdout
        Check that a table is whole: ledger, files, landing zone, catalog

        Usage: firelake verify [OPTIONS]

        Options:
              --lake <URL>       The lake: a folder, or its URL
              --database <NAME>  The database of tables that name none [default: logs]
              --config <FILE>    The configuration [default: firelake.toml, where there is one]
              --table <NAME>     The table [default: every table of firelake.toml, or else of the database
                                 in the lake]
              --deep             Read the landed objects again, and compare records and rows with what the
                                 files hold
              --json             Print a JSON object a finding, and one a table
          -h, --help             Print help (see more with '--help')

        Reads every commit, the end of every live file, all of the landing zone and the catalog; with --deep
        the landed
        objects and the files, whole. Changes nothing. A line a finding: failed, not checked, or a note.

        Exit code 0 where the table is clean, 3 where a check failed, 1 where something could not be
        checked.

        Examples:
          firelake verify --lake lake --table access
          firelake verify --lake lake --table access --deep
          firelake verify --json
        -- exit code 0
        ");
}

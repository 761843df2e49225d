import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Trino's server in a process that says when it answers, and that ends with its stdin.
 * Arguments: version, URL, a first query, the file for its log until it opens its own.
 */
public class Launch {
    private static final Pattern NEXT = Pattern.compile("\"nextUri\"\\s*:\\s*\"([^\"]+)\"");
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    private static volatile boolean announced = false;

    public static void main(String[] arguments) throws IOException {
        // The server takes stdout and stderr for its log.
        PrintStream out = System.out;
        PrintStream err = System.err;
        System.setErr(new PrintStream(arguments[3]));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> explain(err, arguments[3])));
        start(() -> endWith(System.in));
        start(() -> announce(out, arguments[1], arguments[2]));
        new io.trino.server.Server().start(arguments[0]);
    }

    private static void start(Runnable task) {
        Thread thread = new Thread(task);
        thread.setDaemon(true);
        thread.start();
    }

    private static void endWith(InputStream in) {
        try {
            while (in.read() >= 0) {
            }
        } catch (IOException closed) {
            // as good as its end
        }
        Runtime.getRuntime().halt(0);
    }

    /** Whatever ends the server before it answered. */
    private static void explain(PrintStream err, String log) {
        if (!announced) {
            err.println("error: Trino stopped before it answered\nhint: its log is " + log + " and beside it");
        }
    }

    /** After the start there are some seconds in which it listens but has no node to run a query on. */
    private static void announce(PrintStream out, String url, String query) {
        for (int attempt = 0; attempt < 480; attempt++) {
            try {
                if (answers(url, query)) {
                    announced = true;
                    out.println(url);
                    out.flush();
                    return;
                }
            } catch (Exception early) {
                // not yet
            }
            sleep(250);
        }
        System.exit(1);
    }

    private static boolean answers(String url, String query) throws Exception {
        URI statement = URI.create(url + "/v1/statement");
        String body = send(HttpRequest.newBuilder(statement).POST(BodyPublishers.ofString(query)));
        for (Matcher next = NEXT.matcher(body); next.find(); next = NEXT.matcher(body)) {
            body = send(HttpRequest.newBuilder(URI.create(next.group(1))));
        }
        return body.contains("\"FINISHED\"");
    }

    private static String send(HttpRequest.Builder request) throws Exception {
        return HTTP.send(request.header("X-Trino-User", "start").build(), BodyHandlers.ofString()).body();
    }

    private static void sleep(long milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
    }
}

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

/** A small HTTP service on the JDK's own library, as a fleet wants one: it says when it is ready, and stops in order. */
public final class Service {
    private static final String NAME = "hello-java";
    private static final String VERSION = variable("VERSION", "unknown");
    private static final String PREFIX = variable("PREFIX", "").replaceAll("/+$", ""); // of its paths, such as /java
    private static final int MOST_BODY = 1 << 20;
    private static final long QUIET_MS = 500; // stops once nothing was asked for so long,
    private static final long LINGER_MS = 5_000; // or so long after it was told to
    private static final long FINISH_MS = 1_000 * Long.parseLong(variable("FINISH_S", "20")); // what is in flight then

    private final String copy = InetAddress.getLocalHost().getHostName();
    private final String token = secret("TOKEN");
    private final AtomicInteger inFlight = new AtomicInteger();
    private volatile boolean ready;
    private volatile boolean stopping;
    private volatile long asked = now();

    private Service() throws IOException {}

    public static void main(String[] arguments) throws IOException {
        var service = new Service();
        var address = new InetSocketAddress("0.0.0.0", Integer.parseInt(variable("PORT", "8000")));
        var server = HttpServer.create(address, 512);
        server.createContext("/", service::answer);
        server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
        Runtime.getRuntime().addShutdownHook(new Thread(() -> service.stop(server)));
        server.start();
        service.ready = true;
        System.out.printf("%s %s is ready%n", NAME, VERSION);
    }

    private void answer(HttpExchange exchange) throws IOException {
        var path = exchange.getRequestURI().getPath();
        if (path.startsWith(PREFIX)) path = path.length() == PREFIX.length() ? "/" : path.substring(PREFIX.length());
        if (path.equals("/healthz")) {
            var well = ready && !stopping;
            say(exchange, well ? 200 : 503, "{\"ready\": " + well + "}");
            return;
        }
        inFlight.incrementAndGet();
        asked = now();
        try {
            switch (exchange.getRequestMethod() + " " + path) {
                case "GET /" -> say(exchange, 200, about());
                case "POST /echo" -> echo(exchange);
                case "GET /stream" -> stream(exchange);
                case "GET /private" -> {
                    var given = exchange.getRequestHeaders().getFirst("Authorization");
                    var right = !token.isEmpty() && ("Bearer " + token).equals(given);
                    say(exchange, right ? 200 : 401, "{\"private\": " + right + "}");
                }
                default -> say(exchange, 404, "{\"error\": \"no such path or method here\"}");
            }
        } finally {
            inFlight.decrementAndGet();
        }
    }

    private String about() {
        return "{\"service\": \"%s\", \"version\": \"%s\", \"copy\": \"%s\"}".formatted(NAME, VERSION, copy);
    }

    private void echo(HttpExchange exchange) throws IOException {
        var body = exchange.getRequestBody().readNBytes(MOST_BODY + 1);
        if (body.length > MOST_BODY) {
            exchange.getRequestBody().transferTo(OutputStream.nullOutputStream()); // else the connection is reset
            say(exchange, 413, "{\"error\": \"at most " + MOST_BODY + " bytes\"}");
            return;
        }
        var kind = exchange.getRequestHeaders().getFirst("Content-Type");
        send(exchange, 200, kind == null ? "text/plain" : kind, body);
    }

    /** Ten lines, one each 100 ms, as chunks. */
    private void stream(HttpExchange exchange) throws IOException {
        exchange.getResponseHeaders().set("Content-Type", "text/plain");
        exchange.sendResponseHeaders(200, 0);
        try (OutputStream body = exchange.getResponseBody()) {
            for (int number = 0; number < 10; number++) {
                body.write("line %d of %s %s\n".formatted(number, NAME, VERSION).getBytes(StandardCharsets.UTF_8));
                body.flush();
                pause(100);
            }
        }
    }

    private void say(HttpExchange exchange, int status, String json) throws IOException {
        send(exchange, status, "application/json", (json + "\n").getBytes(StandardCharsets.UTF_8));
    }

    private void send(HttpExchange exchange, int status, String kind, byte[] body) throws IOException {
        exchange.getResponseHeaders().set("Content-Type", kind);
        if (stopping) exchange.getResponseHeaders().set("Connection", "close");
        exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
        try (OutputStream out = exchange.getResponseBody()) {
            out.write(body);
        }
    }

    /** Health says 503 from now on, and those who ask go elsewhere; what still comes is answered, until nothing comes. */
    private void stop(HttpServer server) {
        stopping = true;
        asked = now();
        var linger = now() + LINGER_MS;
        while (now() < Math.min(linger, asked + QUIET_MS)) pause(50);
        var finish = now() + FINISH_MS;
        while (inFlight.get() > 0 && now() < finish) pause(20);
        var left = inFlight.get();
        server.stop(0);
        System.out.printf("%s %s has stopped%s%n", NAME, VERSION, left > 0 ? " with " + left + " in flight" : "");
        Runtime.getRuntime().halt(left > 0 ? 1 : 0); // without this a JVM that got SIGTERM ends with 143
    }

    /** A secret's text, from the file that NAME_FILE points to. */
    private static String secret(String name) throws IOException {
        var path = System.getenv(name + "_FILE");
        return path == null ? "" : Files.readString(Path.of(path)).stripTrailing();
    }

    private static String variable(String name, String otherwise) {
        var value = System.getenv(name);
        return value == null ? otherwise : value;
    }

    private static long now() {
        return System.nanoTime() / 1_000_000;
    }

    private static void pause(long milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }
}

package lambent;

import com.amazonaws.services.lambda.runtime.LambdaRuntime;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.io.ByteArrayOutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;

/** Loads and runs once what an invocation needs, before it belongs to anyone. */
final class Rehearsal {
    private static final String EVENT = "{\"a\":{\"name\":\"x\\n\",\"numbers\":[1,2]}}";

    private Rehearsal() {}

    /** The working folder is that of the build. */
    static void run() throws Throwable {
        try (URLClassLoader loader = Handler.loader("/proc/self/cwd/rehearsal", "/opt/java/lib")) {
            Handler handler = Handler.find("rehearsed.Function::handle", loader);
            Log log = new Log(new ByteArrayOutputStream(), true, LogLevel.INFO);
            byte[] event = EVENT.getBytes(StandardCharsets.UTF_8);
            for (int i = 0; i < 20; i++) {
                ByteArrayOutputStream result = new ByteArrayOutputStream();
                handler.call(event, result, new Invocation(new HashMap<>(), log));
                log.log(result.toString(StandardCharsets.UTF_8), LogLevel.INFO);
            }
            answerEvents(handler, log);
        }
        LambdaRuntime.getLogger();
        Main.document(new IllegalStateException("rehearsal", new RuntimeException("cause")));
    }

    /** As with the Runtime API, which is played here by somebody who has said everything beforehand. */
    private static void answerEvents(Handler handler, Log log) throws Throwable {
        String event = "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 0\r\nLambda-Runtime-Deadline-Ms: 0\r\n"
                + "Content-Length: " + EVENT.length() + "\r\n\r\n" + EVENT;
        String said = event + "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n" + event;
        try (ServerSocket listener = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            Api api = new Api("127.0.0.1:" + listener.getLocalPort());
            try (Socket other = listener.accept()) {
                other.getOutputStream().write(said.getBytes(StandardCharsets.US_ASCII));
                api.ask();
                Api.Answer asked = api.event();
                ByteArrayOutputStream result = new ByteArrayOutputStream();
                handler.call(asked.body, result, new Invocation(asked.headers, log));
                api.respond("0", result.toByteArray(), result.size());
                api.event();
            }
            api.close();
        }
    }
}

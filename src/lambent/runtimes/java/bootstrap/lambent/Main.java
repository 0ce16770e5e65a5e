package lambent;

import com.amazonaws.services.lambda.runtime.LambdaRuntime;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Runs a Java function: takes events from the Runtime API, hands them to the handler, posts what it answers.
 *
 * <p>Works on Java 17 and later with nothing but what Java brings, in three ways: with its complete environment; `wait`,
 * booted ahead, when the assignment's one JSON line comes from the standard input; and `rehearse`, which runs once what
 * an invocation needs and ends, for an archive of classes to be made.
 */
public final class Main {
    private static final String TRACE_PROPERTY = "com.amazonaws.xray.traceHeader";
    private static final String TASK = "/var/task";
    private final Api api;
    private final Log log;
    private Handler handler;

    private Main(Api api, Log log) {
        this.api = api;
        this.log = log;
    }

    public static void main(String[] arguments) throws Throwable {
        String mode = arguments.length > 0 ? arguments[0] : "run";
        if (mode.equals("rehearse")) {
            Rehearsal.run();
            return;
        }
        Api api;
        if (mode.equals("wait")) {
            Host.Library library = Host.Library.open();
            rehearse(library);
            api = new Api(arguments[1]); // a waiting process connects when it is ready
            becomeAssigned(library);
        } else {
            api = new Api(System.getenv("AWS_LAMBDA_RUNTIME_API"));
        }
        Main runtime = new Main(api, Log.open(System.getenv()));
        LambdaRuntime.setLogger(runtime.log);
        try {
            runtime.start();
            runtime.run();
        } catch (IOException gone) {
            System.exit(0); // the Runtime API is gone, and so is the sense of this process
        }
    }

    private static void becomeAssigned(Host.Library library) throws Throwable {
        String line = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)).readLine();
        if (line == null) System.exit(0);
        @SuppressWarnings("unchecked")
        Map<String, Object> env = (Map<String, Object>) ((Map<?, ?>) Json.parse(line)).get("env");
        Host.replaceEnvironment(env);
        if (library == null) return;
        library.replaceEnvironment(env);
        library.enter(env.getOrDefault("LAMBDA_TASK_ROOT", TASK).toString());
    }

    private static void rehearse(Host.Library library) throws Throwable {
        Rehearsal.run();
        Map<String, Object> env = new LinkedHashMap<>();
        // As many as a function has: Java 17 makes calls by reflection quick only when there were some.
        for (int i = 0; i < 40; i++) env.put("REHEARSED_" + i, "1");
        Host.replaceEnvironment(env);
        if (library == null) {
            System.setErr(System.out);
            return;
        }
        library.joinOutputs();
        library.replaceEnvironment(env);
        library.enter("/proc/self/cwd");
    }

    private void start() throws IOException {
        String root = System.getenv().getOrDefault("LAMBDA_TASK_ROOT", TASK);
        try {
            ClassLoader loader = Handler.loader(root, layers(root) + "/java/lib");
            Thread.currentThread().setContextClassLoader(loader);
            handler = Handler.find(System.getenv().getOrDefault("_HANDLER", ""), loader);
        } catch (Throwable error) { // whatever ends a function's initialisation is to be told
            Throwable cause = error instanceof ExceptionInInitializerError && error.getCause() != null ? error.getCause() : error;
            logError(cause);
            api.initError(cause.getClass().getName(), document(cause));
            System.exit(1);
        }
    }

    /** Where layers are: as far from the code as on AWS. */
    private static String layers(String root) {
        return root.endsWith(TASK) ? root.substring(0, root.length() - TASK.length()) + "/opt" : "/opt";
    }

    private void run() throws IOException {
        api.ask();
        while (true) invoke(api.event());
    }

    private void invoke(Api.Answer event) throws IOException {
        String id = event.headers.get("lambda-runtime-aws-request-id");
        String trace = event.headers.get("lambda-runtime-trace-id");
        if (trace == null) System.clearProperty(TRACE_PROPERTY);
        else System.setProperty(TRACE_PROPERTY, trace);
        log.setRequestId(id);
        ByteArrayOutputStream result = new ByteArrayOutputStream();
        try {
            handler.call(event.body, result, new Invocation(event.headers, log));
        } catch (Throwable error) { // a function may raise anything
            fail(id, error);
            return;
        }
        flush();
        api.respond(id, result.toByteArray(), result.size());
    }

    private void fail(String id, Throwable error) throws IOException {
        logError(error);
        boolean isFatal = error instanceof VirtualMachineError && !(error instanceof StackOverflowError);
        api.fail(id, error.getClass().getName(), document(error), !isFatal);
        if (isFatal) System.exit(1);
    }

    private void logError(Throwable error) {
        flush();
        StringBuilder text = new StringBuilder().append(error.getMessage()).append(": ").append(error.getClass().getName()).append('\n');
        text.append(error).append('\n');
        for (StackTraceElement element : own(error)) text.append("\tat ").append(element).append('\n');
        for (Throwable cause = error.getCause(); cause != null && text.length() < 100_000; cause = cause.getCause()) {
            text.append("Caused by: ").append(cause).append('\n');
            for (StackTraceElement element : own(cause)) text.append("\tat ").append(element).append('\n');
        }
        log.log(text.append('\n').toString(), LogLevel.ERROR);
    }

    private static void flush() {
        System.out.flush();
        System.err.flush();
    }

    static byte[] document(Throwable error) {
        return Json.write(described(error, new IdentityHashMap<>())).getBytes(StandardCharsets.UTF_8);
    }

    private static Map<String, Object> described(Throwable error, IdentityHashMap<Throwable, Boolean> seen) {
        seen.put(error, true);
        Map<String, Object> document = new LinkedHashMap<>();
        if (error.getMessage() != null) document.put("errorMessage", error.getMessage());
        document.put("errorType", error.getClass().getName());
        List<String> trace = new ArrayList<>();
        for (StackTraceElement element : own(error)) trace.add(element.toString());
        document.put("stackTrace", trace);
        Throwable cause = error.getCause();
        if (cause != null && !seen.containsKey(cause)) document.put("cause", described(cause, seen));
        return document;
    }

    /** A stack down to where the function was called from here, without the way there by reflection. */
    private static List<StackTraceElement> own(Throwable error) {
        List<StackTraceElement> all = List.of(error.getStackTrace());
        int end = 0;
        while (end < all.size() && !all.get(end).getClassName().startsWith("lambent.")) end++;
        if (end == all.size()) return all;
        while (end > 0 && isReflection(all.get(end - 1).getClassName())) end--;
        return all.subList(0, end);
    }

    private static boolean isReflection(String type) {
        return type.startsWith("jdk.internal.reflect.") || type.startsWith("java.lang.reflect.") || type.startsWith("java.lang.invoke.");
    }
}

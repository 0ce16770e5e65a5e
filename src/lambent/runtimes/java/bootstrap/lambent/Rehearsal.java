package lambent;

import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Loads and runs once what an invocation needs, before it belongs to anyone. */
public final class Rehearsal {
    private Rehearsal() {}

    /** Its getters and setters are found by reflection, like those of any function's classes. */
    public static final class Part {
        private String name;
        private List<Integer> numbers;

        public String getName() {
            return name;
        }

        public void setName(String name) {
            this.name = name;
        }

        public List<Integer> getNumbers() {
            return numbers;
        }

        public void setNumbers(List<Integer> numbers) {
            this.numbers = numbers;
        }
    }

    public static Map<String, Part> echo(Map<String, Part> parts) {
        return parts;
    }

    static void run() throws Throwable {
        ClassLoader loader = Handler.loader("/var/task", "/opt/java/lib");
        Handler handler = Handler.find(Rehearsal.class.getName() + "::echo", loader);
        byte[] event = "{\"a\":{\"name\":\"x\\n\",\"numbers\":[1,2]}}".getBytes(StandardCharsets.UTF_8);
        Log log = new Log(new ByteArrayOutputStream(), true, LogLevel.INFO);
        for (int i = 0; i < 20; i++) {
            ByteArrayOutputStream result = new ByteArrayOutputStream();
            handler.call(event, result, new Invocation(new HashMap<>(), log));
            log.log(result.toString(StandardCharsets.UTF_8), LogLevel.INFO);
        }
        Main.document(new IllegalStateException("rehearsal", new RuntimeException("cause")));
    }
}

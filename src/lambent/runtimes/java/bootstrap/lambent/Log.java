package lambent;

import com.amazonaws.services.lambda.runtime.LambdaLogger;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;

/** The function's log: records in frames, so that one of many lines stays one. */
public final class Log implements LambdaLogger {
    /** What there is before the function's own: the standard output. */
    public static final LambdaLogger PRINTED = new Log(null, false, LogLevel.UNDEFINED);

    private static final int CUT_BYTES = 256 * 1024;
    private final OutputStream records;
    private final boolean json;
    private final LogLevel threshold;
    private volatile String requestId;

    Log(OutputStream records, boolean json, LogLevel threshold) {
        this.records = records;
        this.json = json;
        this.threshold = threshold;
    }

    /** As the environment says. */
    static Log open(Map<String, String> env) throws ReflectiveOperationException {
        String descriptor = env.get("_LAMBDA_TELEMETRY_LOG_FD");
        OutputStream records = descriptor == null ? null : new FileOutputStream(Host.descriptor(Integer.parseInt(descriptor)));
        String level = env.get("AWS_LAMBDA_LOG_LEVEL");
        LogLevel threshold = level == null || level.isEmpty() ? LogLevel.UNDEFINED : LogLevel.fromString(level);
        return new Log(records, "JSON".equalsIgnoreCase(env.get("AWS_LAMBDA_LOG_FORMAT")), threshold);
    }

    void setRequestId(String requestId) {
        this.requestId = requestId;
    }

    @Override
    public void log(String message) {
        log(message, LogLevel.UNDEFINED);
    }

    @Override
    public void log(byte[] message) {
        log(message, LogLevel.UNDEFINED);
    }

    @Override
    public void log(String message, LogLevel level) {
        String text = String.valueOf(message);
        if (!isWanted(level)) return;
        write((json ? inJson(text, level) : text).getBytes(StandardCharsets.UTF_8), level);
    }

    @Override
    public void log(byte[] message, LogLevel level) {
        if (isWanted(level)) write(message, level);
    }

    private boolean isWanted(LogLevel level) {
        return level == LogLevel.UNDEFINED || level.compareTo(threshold) >= 0;
    }

    private String inJson(String message, LogLevel level) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("timestamp", Instant.now().truncatedTo(ChronoUnit.MILLIS).toString());
        line.put("level", level == LogLevel.UNDEFINED ? "UNDEFINED" : level.name());
        line.put("message", message);
        line.put("AWSRequestId", requestId);
        return Json.write(line) + "\n";
    }

    private synchronized void write(byte[] data, LogLevel level) {
        if (records == null) {
            System.out.write(data, 0, data.length);
            System.out.flush();
            return;
        }
        Instant now = Instant.now();
        long micros = now.getEpochSecond() * 1_000_000 + now.getNano() / 1000;
        int type = (json ? 0xA55A0002 : 0xA55A0003) | level.ordinal() << 2;
        for (int at = 0; at < data.length; at += CUT_BYTES) {
            int size = Math.min(CUT_BYTES, data.length - at);
            ByteBuffer frame = ByteBuffer.allocate(16 + size).putInt(type).putInt(size).putLong(micros).put(data, at, size);
            try {
                records.write(frame.array());
            } catch (IOException error) {
                return; // nobody reads any more
            }
        }
    }
}

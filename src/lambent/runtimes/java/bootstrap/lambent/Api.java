package lambent;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/** The one connection to the Runtime API. */
final class Api {
    private static final String PATH = "/2018-06-01/runtime";

    /** An answer of the Runtime API. */
    static final class Answer {
        final String status;
        final Map<String, String> headers;
        final byte[] body;

        Answer(String status, Map<String, String> headers, byte[] body) {
            this.status = status;
            this.headers = headers;
            this.body = body;
        }
    }

    private final String address;
    private final byte[] next;
    private Socket socket;
    private InputStream in;
    private OutputStream out;
    private byte[] buffer = new byte[65536];
    private int start;
    private int end;

    Api(String address) throws IOException {
        this.address = address;
        this.next = ("GET " + PATH + "/invocation/next HTTP/1.1\r\nHost: " + address + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII);
        connect();
    }

    private void connect() throws IOException {
        int colon = address.lastIndexOf(':');
        socket = new Socket();
        socket.setTcpNoDelay(true);
        socket.connect(new InetSocketAddress(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1))));
        in = socket.getInputStream();
        out = socket.getOutputStream();
        start = end = 0;
    }

    void close() throws IOException {
        socket.close();
    }

    void ask() throws IOException {
        out.write(next);
    }

    Answer event() throws IOException {
        Answer answer = answer();
        if (!answer.status.equals("200")) throw new IOException("The Runtime API refused to give an event: " + answer.status);
        return answer;
    }

    /** Post what the handler answered and ask for the next event, in one write. */
    void respond(String id, byte[] body, int length) throws IOException {
        post("/invocation/" + id + "/response", body, length, "Content-Type: application/json\r\n", true);
    }

    void fail(String id, String type, byte[] document, boolean goesOn) throws IOException {
        post("/invocation/" + id + "/error", document, document.length, described(type), goesOn);
    }

    void initError(String type, byte[] document) throws IOException {
        post("/init/error", document, document.length, described(type), false);
    }

    private static String described(String type) {
        String header = type.replaceAll("[^\\x21-\\x7e]", "?");
        return "Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: " + header + "\r\n";
    }

    private void post(String path, byte[] body, int length, String headers, boolean goesOn) throws IOException {
        String head = "POST " + PATH + path + " HTTP/1.1\r\nHost: " + address + "\r\n" + headers + "Content-Length: " + length + "\r\n\r\n";
        byte[] before = head.getBytes(StandardCharsets.ISO_8859_1);
        boolean closed;
        try {
            byte[] all = Arrays.copyOf(before, before.length + length + (goesOn ? next.length : 0));
            System.arraycopy(body, 0, all, before.length, length);
            if (goesOn) System.arraycopy(next, 0, all, before.length + length, next.length);
            out.write(all);
            closed = "close".equalsIgnoreCase(answer().headers.get("connection"));
        } catch (IOException error) {
            closed = true; // what is far too large is not read to its end
        }
        if (!closed || !goesOn) return;
        socket.close();
        connect();
        ask();
    }

    private Answer answer() throws IOException {
        int stop = headEnd();
        String[] lines = new String(buffer, start, stop - start, StandardCharsets.UTF_8).split("\r\n");
        start = stop + 4;
        Map<String, String> headers = new HashMap<>();
        for (int i = 1; i < lines.length; i++) {
            int colon = lines[i].indexOf(':');
            headers.put(lines[i].substring(0, colon).toLowerCase(Locale.ROOT), lines[i].substring(colon + 1).trim());
        }
        return new Answer(lines[0].split(" ", 3)[1], headers, body(Integer.parseInt(headers.getOrDefault("content-length", "0"))));
    }

    private int headEnd() throws IOException {
        int at = start;
        while (true) {
            for (; at + 3 < end; at++) {
                if (buffer[at] == '\r' && buffer[at + 1] == '\n' && buffer[at + 2] == '\r' && buffer[at + 3] == '\n') return at;
            }
            at -= start;
            fill();
            at += start;
        }
    }

    private void fill() throws IOException {
        System.arraycopy(buffer, start, buffer, 0, end - start);
        end -= start;
        start = 0;
        if (end == buffer.length) buffer = Arrays.copyOf(buffer, buffer.length * 2);
        int count = in.read(buffer, end, buffer.length - end);
        if (count < 0) throw new java.io.EOFException();
        end += count;
    }

    private byte[] body(int length) throws IOException {
        byte[] body = new byte[length];
        int have = Math.min(length, end - start);
        System.arraycopy(buffer, start, body, 0, have);
        start += have;
        if (in.readNBytes(body, have, length - have) < length - have) throw new java.io.EOFException();
        return body;
    }
}

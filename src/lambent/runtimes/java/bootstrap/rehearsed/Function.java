package rehearsed;

import java.util.Map;

/** A function that is loaded as any other is: this class from a folder, what it needs from a jar. */
public final class Function {
    public Map<String, Part> handle(Map<String, Part> parts) {
        return parts;
    }
}

package com.amazonaws.services.lambda.runtime.logging;

import java.util.Locale;

/** How records are written. */
public enum LogFormat {
    JSON,
    TEXT;

    public static LogFormat fromString(String name) {
        return valueOf(name.toUpperCase(Locale.ROOT));
    }
}

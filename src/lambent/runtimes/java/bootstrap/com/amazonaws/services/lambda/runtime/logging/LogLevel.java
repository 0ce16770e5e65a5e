package com.amazonaws.services.lambda.runtime.logging;

import java.util.Locale;

/** How much a record matters. */
public enum LogLevel {
    UNDEFINED,
    TRACE,
    DEBUG,
    INFO,
    WARN,
    ERROR,
    FATAL;

    public static LogLevel fromString(String name) {
        try {
            return valueOf(name.toUpperCase(Locale.ROOT));
        } catch (IllegalArgumentException error) {
            throw new IllegalArgumentException("Invalid log level: '" + name + "' expected one of TRACE, DEBUG, INFO, WARN, ERROR, FATAL");
        }
    }
}

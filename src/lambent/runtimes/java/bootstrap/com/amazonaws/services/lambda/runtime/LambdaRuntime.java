package com.amazonaws.services.lambda.runtime;

/** The logger, for code that has no context. */
public final class LambdaRuntime {
    private static volatile LambdaLogger logger = lambent.Log.PRINTED;

    private LambdaRuntime() {}

    public static LambdaLogger getLogger() {
        return logger;
    }

    /** Called once by the runtime. */
    public static void setLogger(LambdaLogger given) {
        logger = given;
    }
}

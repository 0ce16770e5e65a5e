package lambent;

import com.amazonaws.services.lambda.runtime.Client;
import com.amazonaws.services.lambda.runtime.ClientContext;
import com.amazonaws.services.lambda.runtime.CognitoIdentity;
import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.LambdaLogger;
import java.util.LinkedHashMap;
import java.util.Map;

/** The context that is given to the handler. */
final class Invocation implements Context {
    private final Map<String, String> headers;
    private final LambdaLogger logger;
    private final long deadline;

    Invocation(Map<String, String> headers, LambdaLogger logger) {
        this.headers = headers;
        this.logger = logger;
        this.deadline = Long.parseLong(headers.getOrDefault("lambda-runtime-deadline-ms", "0"));
    }

    @Override
    public String getAwsRequestId() {
        return headers.get("lambda-runtime-aws-request-id");
    }

    @Override
    public String getLogGroupName() {
        return System.getenv("AWS_LAMBDA_LOG_GROUP_NAME");
    }

    @Override
    public String getLogStreamName() {
        return System.getenv("AWS_LAMBDA_LOG_STREAM_NAME");
    }

    @Override
    public String getFunctionName() {
        return System.getenv("AWS_LAMBDA_FUNCTION_NAME");
    }

    @Override
    public String getFunctionVersion() {
        return System.getenv("AWS_LAMBDA_FUNCTION_VERSION");
    }

    @Override
    public String getInvokedFunctionArn() {
        return headers.get("lambda-runtime-invoked-function-arn");
    }

    @Override
    public int getMemoryLimitInMB() {
        String memory = System.getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE");
        return memory == null ? 0 : Integer.parseInt(memory);
    }

    @Override
    public int getRemainingTimeInMillis() {
        return (int) Math.max(0, deadline - System.currentTimeMillis());
    }

    @Override
    public LambdaLogger getLogger() {
        return logger;
    }

    @Override
    public String getTenantId() {
        return headers.get("lambda-runtime-aws-tenant-id");
    }

    @Override
    public String getXrayTraceId() {
        return headers.get("lambda-runtime-trace-id");
    }

    @Override
    public CognitoIdentity getIdentity() {
        Map<?, ?> told = object(headers.get("lambda-runtime-cognito-identity"));
        if (told == null) return new Identity("", "");
        return new Identity(text(told, "cognitoIdentityId"), text(told, "cognitoIdentityPoolId"));
    }

    @Override
    public ClientContext getClientContext() {
        Map<?, ?> told = object(headers.get("lambda-runtime-client-context"));
        return told == null ? null : new Told(told);
    }

    private static Map<?, ?> object(String text) {
        return text == null || text.isEmpty() ? null : asMap(Json.parse(text));
    }

    private static Map<?, ?> asMap(Object value) {
        return value instanceof Map ? (Map<?, ?>) value : null;
    }

    private static String text(Map<?, ?> from, String name) {
        return from == null || from.get(name) == null ? null : from.get(name).toString();
    }

    private record Identity(String id, String pool) implements CognitoIdentity {
        @Override
        public String getIdentityId() {
            return id;
        }

        @Override
        public String getIdentityPoolId() {
            return pool;
        }
    }

    private record Told(Map<?, ?> told) implements ClientContext {
        @Override
        public Client getClient() {
            Map<?, ?> client = asMap(told.get("client"));
            return client == null ? null : new App(client);
        }

        @Override
        public Map<String, String> getCustom() {
            return texts("custom");
        }

        @Override
        public Map<String, String> getEnvironment() {
            return texts("env");
        }

        private Map<String, String> texts(String name) {
            Map<?, ?> given = asMap(told.get(name));
            if (given == null) return null;
            Map<String, String> texts = new LinkedHashMap<>();
            given.forEach((key, value) -> texts.put(key.toString(), value instanceof String ? (String) value : Json.write(value)));
            return texts;
        }
    }

    private record App(Map<?, ?> told) implements Client {
        @Override
        public String getInstallationId() {
            return text(told, "installation_id");
        }

        @Override
        public String getAppTitle() {
            return text(told, "app_title");
        }

        @Override
        public String getAppVersionName() {
            return text(told, "app_version_name");
        }

        @Override
        public String getAppVersionCode() {
            return text(told, "app_version_code");
        }

        @Override
        public String getAppPackageName() {
            return text(told, "app_package_name");
        }
    }
}

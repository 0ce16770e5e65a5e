package lambent;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The function's code, called with bytes and answering bytes. */
interface Handler {
    /** Raises what the function raises. */
    void call(byte[] event, ByteArrayOutputStream result, Context context) throws Throwable;

    /** Where the function's classes are: its folder, its jars, the layers' jars. */
    static URLClassLoader loader(String root, String layers) throws MalformedURLException {
        List<URL> places = new ArrayList<>();
        places.add(new File(root + "/").toURI().toURL());
        addJars(places, new File(root, "lib"));
        addJars(places, new File(layers));
        return new URLClassLoader(places.toArray(new URL[0]), Handler.class.getClassLoader());
    }

    private static void addJars(List<URL> places, File folder) throws MalformedURLException {
        File[] jars = folder.listFiles((where, name) -> name.endsWith(".jar"));
        if (jars == null) return;
        Arrays.sort(jars);
        for (File jar : jars) places.add(jar.toURI().toURL());
    }

    /** The handler of a name: `package.Class::method`, or `package.Class` of one of the two interfaces. */
    static Handler find(String name, ClassLoader loader) throws Throwable {
        String[] parts = name.split("::", 2);
        Class<?> type;
        try {
            type = Class.forName(parts[0], true, loader);
        } catch (ClassNotFoundException error) {
            throw new ClassNotFoundException("Class not found: " + parts[0]);
        }
        String method = parts.length == 2 ? parts[1] : "handleRequest";
        if (method.equals("handleRequest")) {
            if (RequestStreamHandler.class.isAssignableFrom(type)) return ofStream((RequestStreamHandler) instance(type));
            if (RequestHandler.class.isAssignableFrom(type)) return ofRequests((RequestHandler<?, ?>) instance(type), type);
        }
        return ofMethod(type, method);
    }

    private static Object instance(Class<?> type) throws Throwable {
        try {
            Constructor<?> constructor = type.getConstructor();
            constructor.setAccessible(true);
            return constructor.newInstance();
        } catch (InvocationTargetException error) {
            throw error.getCause();
        } catch (NoSuchMethodException error) {
            throw new NoSuchMethodException("Class " + type.getName() + " has no public zero-argument constructor");
        } catch (InstantiationException error) {
            throw new InstantiationException("Unable to load class " + type.getName() + ": it is abstract");
        }
    }

    private static Handler ofStream(RequestStreamHandler handler) {
        return (event, result, context) -> handler.handleRequest(new ByteArrayInputStream(event), result, context);
    }

    @SuppressWarnings("unchecked")
    private static Handler ofRequests(RequestHandler<?, ?> handler, Class<?> type) {
        Type input = argument(type, RequestHandler.class, new HashMap<>());
        RequestHandler<Object, Object> any = (RequestHandler<Object, Object>) handler;
        return (event, result, context) -> write(result, any.handleRequest(read(event, input), context));
    }

    /** What `type` says the first type parameter of the interface `wanted` is. */
    private static Type argument(Type type, Class<?> wanted, Map<TypeVariable<?>, Type> known) {
        if (type == null) return null;
        Class<?> raw = (Class<?>) (type instanceof ParameterizedType ? ((ParameterizedType) type).getRawType() : type);
        if (type instanceof ParameterizedType) {
            Type[] given = ((ParameterizedType) type).getActualTypeArguments();
            for (int i = 0; i < given.length; i++) known.put(raw.getTypeParameters()[i], known.getOrDefault(given[i], given[i]));
        }
        if (raw == wanted) return known.getOrDefault(raw.getTypeParameters()[0], Object.class);
        List<Type> above = new ArrayList<>(Arrays.asList(raw.getGenericInterfaces()));
        above.add(raw.getGenericSuperclass());
        for (Type each : above) {
            Type found = argument(each, wanted, known);
            if (found != null) return found;
        }
        return null;
    }

    private static Handler ofMethod(Class<?> type, String name) throws Throwable {
        Method method = Arrays.stream(type.getMethods())
                .filter(each -> each.getName().equals(name) && !each.isBridge() && isSuitable(each))
                .max(Comparator.comparingInt(Method::getParameterCount)
                        .thenComparing(each -> takesContext(each.getParameterTypes())))
                .orElseThrow(() -> new NoSuchMethodException(
                        "No public method named " + name + " with appropriate method signature found on class " + type.getName()));
        Object target = Modifier.isStatic(method.getModifiers()) ? null : instance(type);
        method.setAccessible(true);
        Class<?>[] types = method.getParameterTypes();
        Type[] generic = method.getGenericParameterTypes();
        return (event, result, context) -> {
            Object[] arguments = new Object[types.length];
            boolean streamed = false;
            for (int i = 0; i < types.length; i++) {
                streamed |= types[i] == OutputStream.class;
                if (types[i] == Context.class) arguments[i] = context;
                else if (types[i] == OutputStream.class) arguments[i] = result;
                else arguments[i] = types[i] == InputStream.class ? new ByteArrayInputStream(event) : read(event, generic[i]);
            }
            Object answer = invoke(method, target, arguments);
            if (!streamed) write(result, answer);
        };
    }

    /** (), (event), (context), (event, context), (in, out) or (in, out, context). */
    private static boolean isSuitable(Method method) {
        Class<?>[] types = method.getParameterTypes();
        boolean streams = types.length > 1 && types[0] == InputStream.class && types[1] == OutputStream.class;
        if (types.length == 3 || streams) return streams && (types.length == 2 || takesContext(types));
        return types.length < 2 || types.length == 2 && takesContext(types);
    }

    private static boolean takesContext(Class<?>[] types) {
        return types.length > 0 && types[types.length - 1] == Context.class;
    }

    private static Object invoke(Method method, Object target, Object[] arguments) throws Throwable {
        try {
            return method.invoke(target, arguments);
        } catch (InvocationTargetException error) {
            throw error.getCause();
        }
    }

    private static Object read(byte[] event, Type type) {
        try {
            Object value = Json.parse(new String(event, StandardCharsets.UTF_8));
            return Json.convert(value, type);
        } catch (RuntimeException error) {
            throw new IllegalArgumentException("An error occurred during JSON parsing: " + error.getMessage(), error);
        }
    }

    private static void write(ByteArrayOutputStream result, Object answer) {
        try {
            result.writeBytes(Json.write(answer).getBytes(StandardCharsets.UTF_8));
        } catch (Json.Malformed error) {
            throw new IllegalStateException("An error occurred during JSON serialization of response: " + error.getMessage(), error);
        }
    }
}

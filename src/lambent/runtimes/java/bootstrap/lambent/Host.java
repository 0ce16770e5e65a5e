package lambent;

import java.io.FileDescriptor;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodType;
import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;

/** What Java has no words for: descriptors by number, the environment and the working folder of a running process. */
final class Host {
    private Host() {}

    /** The open file of a number. */
    static FileDescriptor descriptor(int number) throws ReflectiveOperationException {
        Constructor<FileDescriptor> constructor = FileDescriptor.class.getDeclaredConstructor(int.class);
        constructor.setAccessible(true);
        return constructor.newInstance(number);
    }

    /** Let System.getenv give `variables` and no others. */
    @SuppressWarnings("unchecked")
    static void replaceEnvironment(Map<String, Object> variables) throws ReflectiveOperationException {
        Class<?> environment = Class.forName("java.lang.ProcessEnvironment");
        Field field = environment.getDeclaredField("theEnvironment");
        field.setAccessible(true);
        Method name = valueOf("java.lang.ProcessEnvironment$Variable");
        Method value = valueOf("java.lang.ProcessEnvironment$Value");
        Map<Object, Object> live = (Map<Object, Object>) field.get(null);
        live.clear();
        for (Map.Entry<String, Object> entry : variables.entrySet()) {
            live.put(name.invoke(null, entry.getKey()), value.invoke(null, entry.getValue()));
        }
    }

    private static Method valueOf(String type) throws ReflectiveOperationException {
        Method method = Class.forName(type).getDeclaredMethod("valueOf", String.class);
        method.setAccessible(true);
        return method;
    }

    /** The C library, by whichever of Java's ways this version has to call it. */
    static final class Library {
        private final Way way;
        private final MethodHandle chdir;
        private final MethodHandle clearenv;
        private final MethodHandle dup2;
        private final MethodHandle setenv;

        private Library(Way way) throws ReflectiveOperationException {
            this.way = way;
            this.chdir = way.function("chdir", "a");
            this.clearenv = way.function("clearenv", "");
            this.dup2 = way.function("dup2", "ii");
            this.setenv = way.function("setenv", "aai");
        }

        /** Null where this Java cannot call it. */
        static Library open() {
            try {
                return new Library(Runtime.version().feature() < 19 ? new Incubating() : new Settled());
            } catch (ReflectiveOperationException | LinkageError | RuntimeException missing) {
                return null;
            }
        }

        void enter(String folder) throws Throwable {
            chdir.invokeWithArguments(way.text(folder));
        }

        /** Let the standard error go where the standard output goes. */
        void joinOutputs() throws Throwable {
            dup2.invokeWithArguments(1, 2);
        }

        /** What processes inherit that are started without an environment of their own. */
        void replaceEnvironment(Map<String, Object> variables) throws Throwable {
            clearenv.invokeWithArguments();
            for (Map.Entry<String, Object> entry : variables.entrySet()) {
                setenv.invokeWithArguments(way.text(entry.getKey()), way.text(entry.getValue().toString()), 1);
            }
        }
    }

    /** How functions of the C library are found and called; every one of them gives an int. */
    private abstract static class Way {
        /** `parameters` has an a for each address and an i for each int. */
        abstract MethodHandle function(String name, String parameters) throws ReflectiveOperationException;

        /** The address of a text that stays. */
        abstract Object text(String text) throws ReflectiveOperationException;

        static byte[] terminated(String text) {
            return (text + "\0").getBytes(StandardCharsets.UTF_8);
        }

        static Object layouts(Class<?> type, String parameters, Object address, Object integer) {
            Object layouts = Array.newInstance(type, parameters.length());
            for (int i = 0; i < parameters.length(); i++) Array.set(layouts, i, parameters.charAt(i) == 'a' ? address : integer);
            return layouts;
        }
    }

    /** From Java 19 on: java.lang.foreign. */
    private static final class Settled extends Way {
        private final Class<?> layout = Class.forName("java.lang.foreign.MemoryLayout");
        private final Class<?> segment = Class.forName("java.lang.foreign.MemorySegment");
        private final Class<?> option = Class.forName("java.lang.foreign.Linker$Option");
        private final Class<?> description = Class.forName("java.lang.foreign.FunctionDescriptor");
        private final Class<?> linkers = Class.forName("java.lang.foreign.Linker");
        private final Object linker = linkers.getMethod("nativeLinker").invoke(null);
        private final Object symbols = linkers.getMethod("defaultLookup").invoke(linker);
        private final Method find = Class.forName("java.lang.foreign.SymbolLookup").getMethod("find", String.class);
        private final Method handle = linkers.getMethod("downcallHandle", segment, description, option.arrayType());
        private final Method of = description.getMethod("of", layout, layout.arrayType());
        private final Object integer = Class.forName("java.lang.foreign.ValueLayout").getField("JAVA_INT").get(null);
        private final Object address = Class.forName("java.lang.foreign.ValueLayout").getField("ADDRESS").get(null);
        private final Object arena = Class.forName("java.lang.foreign.Arena").getMethod("global").invoke(null);
        private final Method allocate = Class.forName("java.lang.foreign.Arena").getMethod("allocate", long.class, long.class);
        private final Method asBuffer = segment.getMethod("asByteBuffer");

        Settled() throws ReflectiveOperationException {}

        @Override
        MethodHandle function(String name, String parameters) throws ReflectiveOperationException {
            Object symbol = ((Optional<?>) find.invoke(symbols, name)).orElseThrow();
            Object description = of.invoke(null, integer, layouts(layout, parameters, address, integer));
            return (MethodHandle) handle.invoke(linker, symbol, description, Array.newInstance(option, 0));
        }

        @Override
        Object text(String text) throws ReflectiveOperationException {
            byte[] data = terminated(text);
            Object place = allocate.invoke(arena, (long) data.length, 1L);
            ((ByteBuffer) asBuffer.invoke(place)).put(data);
            return place;
        }
    }

    /** Java 17 and 18: jdk.incubator.foreign. */
    private static final class Incubating extends Way {
        private final Class<?> layout = Class.forName("jdk.incubator.foreign.MemoryLayout");
        private final Class<?> segment = Class.forName("jdk.incubator.foreign.MemorySegment");
        private final Class<?> pointer = Class.forName("jdk.incubator.foreign.MemoryAddress");
        private final Class<?> description = Class.forName("jdk.incubator.foreign.FunctionDescriptor");
        private final Class<?> linkers = Class.forName("jdk.incubator.foreign.CLinker");
        private final Class<?> scopes = Class.forName("jdk.incubator.foreign.ResourceScope");
        private final Object linker = linkers.getMethod("getInstance").invoke(null);
        private final Object symbols = linkers.getMethod("systemLookup").invoke(null);
        private final Method find = Class.forName("jdk.incubator.foreign.SymbolLookup").getMethod("lookup", String.class);
        private final Method handle = linkers.getMethod(
                "downcallHandle", Class.forName("jdk.incubator.foreign.Addressable"), MethodType.class, description);
        private final Method of = description.getMethod("of", layout, layout.arrayType());
        private final Object integer = linkers.getField("C_INT").get(null);
        private final Object address = linkers.getField("C_POINTER").get(null);
        private final Object scope = scopes.getMethod("globalScope").invoke(null);
        private final Method allocate = segment.getMethod("allocateNative", long.class, scopes);
        private final Method asBuffer = segment.getMethod("asByteBuffer");
        private final Method place = segment.getMethod("address");

        Incubating() throws ReflectiveOperationException {}

        @Override
        MethodHandle function(String name, String parameters) throws ReflectiveOperationException {
            Object symbol = ((Optional<?>) find.invoke(symbols, name)).orElseThrow();
            Class<?>[] types = new Class<?>[parameters.length()];
            for (int i = 0; i < types.length; i++) types[i] = parameters.charAt(i) == 'a' ? pointer : int.class;
            Object description = of.invoke(null, integer, layouts(layout, parameters, address, integer));
            return (MethodHandle) handle.invoke(linker, symbol, MethodType.methodType(int.class, types), description);
        }

        @Override
        Object text(String text) throws ReflectiveOperationException {
            byte[] data = terminated(text);
            Object there = allocate.invoke(null, (long) data.length, scope);
            ((ByteBuffer) asBuffer.invoke(there)).put(data);
            return place.invoke(there);
        }
    }
}

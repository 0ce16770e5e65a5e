package lambent;

import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.lang.reflect.GenericArrayType;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.lang.reflect.WildcardType;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.temporal.TemporalAccessor;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Calendar;
import java.util.Collection;
import java.util.Date;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;

/** JSON ↔ Java: maps, lists, texts, numbers, enums, records and classes with getters and setters. */
final class Json {
    private static final int DEEPEST = 1000;

    private Json() {}

    /** A text or value that is not what was expected. */
    static final class Malformed extends RuntimeException {
        private static final long serialVersionUID = 1;

        Malformed(String message) {
            super(message);
        }
    }

    // ---- reading -----------------------------------------------------------------------------------------------------

    /** The value that a text stands for: Map, List, String, Integer, Long, BigInteger, Double, Boolean or null. */
    static Object parse(String text) {
        Reader reader = new Reader(text);
        Object value = reader.value(0);
        reader.skip();
        if (reader.at < text.length()) throw reader.wrong();
        return value;
    }

    private static final class Reader {
        private final String text;
        private int at;

        Reader(String text) {
            this.text = text;
        }

        Malformed wrong() {
            return new Malformed("Unexpected " + (at < text.length() ? "'" + text.charAt(at) + "'" : "end") + " of JSON at " + at);
        }

        void skip() {
            while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) at++;
        }

        char peek() {
            skip();
            if (at >= text.length()) throw wrong();
            return text.charAt(at);
        }

        Object value(int depth) {
            if (depth > DEEPEST) throw new Malformed("JSON is nested deeper than " + DEEPEST);
            char first = peek();
            switch (first) {
                case '{':
                    return object(depth);
                case '[':
                    return array(depth);
                case '"':
                    return string();
                case 't':
                    return word("true", Boolean.TRUE);
                case 'f':
                    return word("false", Boolean.FALSE);
                case 'n':
                    return word("null", null);
                default:
                    return number();
            }
        }

        private Object word(String word, Object value) {
            if (!text.startsWith(word, at)) throw wrong();
            at += word.length();
            return value;
        }

        private Map<String, Object> object(int depth) {
            Map<String, Object> map = new LinkedHashMap<>();
            at++;
            if (peek() == '}') {
                at++;
                return map;
            }
            while (true) {
                if (peek() != '"') throw wrong();
                String key = string();
                if (peek() != ':') throw wrong();
                at++;
                map.put(key, value(depth + 1));
                char next = peek();
                if (next != ',' && next != '}') throw wrong();
                at++;
                if (next == '}') return map;
            }
        }

        private List<Object> array(int depth) {
            List<Object> list = new ArrayList<>();
            at++;
            if (peek() == ']') {
                at++;
                return list;
            }
            while (true) {
                list.add(value(depth + 1));
                char next = peek();
                if (next != ',' && next != ']') throw wrong();
                at++;
                if (next == ']') return list;
            }
        }

        private String string() {
            int start = ++at;
            while (at < text.length() && text.charAt(at) != '"' && text.charAt(at) != '\\') at++;
            if (at >= text.length()) throw wrong();
            if (text.charAt(at) == '"') return text.substring(start, at++);
            StringBuilder out = new StringBuilder().append(text, start, at);
            while (true) {
                if (at >= text.length()) throw wrong();
                char c = text.charAt(at++);
                if (c == '"') return out.toString();
                out.append(c == '\\' ? escape() : c);
            }
        }

        private char escape() {
            if (at >= text.length()) throw wrong();
            char c = text.charAt(at++);
            int plain = "\"\\/bfnrt".indexOf(c);
            if (plain >= 0) return "\"\\/\b\f\n\r\t".charAt(plain);
            if (c != 'u' || at + 4 > text.length()) throw wrong();
            try {
                char code = (char) Integer.parseInt(text, at, at + 4, 16);
                at += 4;
                return code;
            } catch (NumberFormatException error) {
                throw wrong();
            }
        }

        private Object number() {
            int start = at;
            boolean whole = true;
            while (at < text.length() && "+-0123456789.eE".indexOf(text.charAt(at)) >= 0) {
                whole &= ".eE".indexOf(text.charAt(at)) < 0;
                at++;
            }
            if (at == start) throw wrong();
            String digits = text.substring(start, at);
            try {
                if (!whole) return Double.valueOf(digits);
                if (digits.length() < 10) return Integer.valueOf(digits);
                BigInteger number = new BigInteger(digits);
                if (number.bitLength() < 32) return number.intValue();
                return number.bitLength() < 64 ? (Object) number.longValue() : number;
            } catch (NumberFormatException error) {
                throw new Malformed("Not a number: " + digits);
            }
        }
    }

    // ---- to the types that a handler wants ---------------------------------------------------------------------------

    /** `value`, which `parse` gave, as an instance of `type`. */
    static Object convert(Object value, Type type) {
        try {
            return convert(value, type, Map.of());
        } catch (InvocationTargetException error) {
            throw new Malformed("Cannot set a value: " + error.getCause());
        } catch (ReflectiveOperationException error) {
            throw new Malformed("Cannot make a " + type.getTypeName() + ": " + error.getMessage());
        }
    }

    private static Object convert(Object value, Type type, Map<TypeVariable<?>, Type> known) throws ReflectiveOperationException {
        if (type instanceof TypeVariable) {
            Type bound = ((TypeVariable<?>) type).getBounds()[0];
            return convert(value, known.getOrDefault(type, bound instanceof TypeVariable ? Object.class : bound), known);
        }
        if (type instanceof WildcardType) return convert(value, ((WildcardType) type).getUpperBounds()[0], known);
        if (type instanceof GenericArrayType) {
            Type item = ((GenericArrayType) type).getGenericComponentType();
            return toArray(value, item, raw(item, known), known);
        }
        if (type instanceof ParameterizedType) return toGeneric(value, (ParameterizedType) type, known);
        return toClass(value, (Class<?>) type, new Type[0], known);
    }

    private static Object toGeneric(Object value, ParameterizedType type, Map<TypeVariable<?>, Type> known) throws ReflectiveOperationException {
        Class<?> raw = (Class<?>) type.getRawType();
        Type[] arguments = type.getActualTypeArguments().clone();
        for (int i = 0; i < arguments.length; i++) arguments[i] = known.getOrDefault(arguments[i], arguments[i]);
        Map<TypeVariable<?>, Type> inner = new HashMap<>(known);
        for (int i = 0; i < arguments.length; i++) inner.put(raw.getTypeParameters()[i], arguments[i]);
        return toClass(value, raw, arguments, inner);
    }

    private static Class<?> raw(Type type, Map<TypeVariable<?>, Type> known) {
        if (type instanceof Class) return (Class<?>) type;
        if (type instanceof ParameterizedType) return (Class<?>) ((ParameterizedType) type).getRawType();
        if (type instanceof TypeVariable && known.containsKey(type)) return raw(known.get(type), known);
        return Object.class;
    }

    private static Object toClass(Object value, Class<?> type, Type[] arguments, Map<TypeVariable<?>, Type> known) throws ReflectiveOperationException {
        if (type == Optional.class) {
            return Optional.ofNullable(value == null || arguments.length == 0 ? value : convert(value, arguments[0], known));
        }
        if (value == null) return type.isPrimitive() ? Array.get(Array.newInstance(type, 1), 0) : null;
        if (type == Object.class) return value;
        if (type == String.class || type == CharSequence.class) {
            if (value instanceof Map || value instanceof List) throw mismatch(value, type);
            return String.valueOf(value);
        }
        if (type == boolean.class || type == Boolean.class) return toBoolean(value);
        if (type == char.class || type == Character.class) {
            if (value instanceof String && ((String) value).length() == 1) return ((String) value).charAt(0);
            throw mismatch(value, type);
        }
        if (type.isPrimitive() || Number.class.isAssignableFrom(type)) return toNumber(value, type);
        if (type == byte[].class && value instanceof String) return Base64.getDecoder().decode((String) value);
        if (type == ByteBuffer.class && value instanceof String) return ByteBuffer.wrap(Base64.getDecoder().decode((String) value));
        if (type.isArray()) return toArray(value, type.getComponentType(), type.getComponentType(), known);
        if (Collection.class.isAssignableFrom(type) || type == Iterable.class) return toCollection(value, type, arguments, known);
        if (Map.class.isAssignableFrom(type)) return toMap(value, type, arguments, known);
        if (type.isEnum()) return toEnum(value, type);
        if (type == Date.class && value instanceof Number) return new Date(((Number) value).longValue());
        if (type == Date.class) return Date.from(Instant.parse(String.valueOf(value)));
        if (type == UUID.class) return UUID.fromString(String.valueOf(value));
        if (value instanceof Map) return type.isRecord() ? toRecord(mapOf(value), type, known) : toBean(mapOf(value), type, known);
        return toScalar(value, type);
    }

    private static Malformed mismatch(Object value, Class<?> type) {
        String kind = value instanceof Map ? "an object" : value instanceof List ? "an array" : "the value '" + value + "'";
        return new Malformed("Cannot deserialize " + type.getTypeName() + " from " + kind);
    }

    private static Object toBoolean(Object value) {
        if (value instanceof Boolean) return value;
        if ("true".equals(value) || "false".equals(value)) return Boolean.valueOf((String) value);
        throw mismatch(value, boolean.class);
    }

    private static Object toNumber(Object value, Class<?> type) {
        if (!(value instanceof Number) && !(value instanceof String)) throw mismatch(value, type);
        if (type == Number.class && value instanceof Number) return value;
        try {
            BigDecimal number = new BigDecimal(value.toString().trim());
            if (type == int.class || type == Integer.class) return number.toBigInteger().intValueExact();
            if (type == long.class || type == Long.class) return number.toBigInteger().longValueExact();
            if (type == double.class || type == Double.class) return number.doubleValue();
            if (type == float.class || type == Float.class) return number.floatValue();
            if (type == short.class || type == Short.class) return number.toBigInteger().shortValueExact();
            if (type == byte.class || type == Byte.class) return number.toBigInteger().byteValueExact();
            if (type == BigInteger.class) return number.toBigInteger();
            if (type == BigDecimal.class || type == Number.class) return number;
        } catch (ArithmeticException | NumberFormatException error) {
            throw mismatch(value, type);
        }
        throw mismatch(value, type);
    }

    private static Object toArray(Object value, Type item, Class<?> raw, Map<TypeVariable<?>, Type> known) throws ReflectiveOperationException {
        List<?> items = value instanceof List ? (List<?>) value : List.of(value);
        Object array = Array.newInstance(raw, items.size());
        for (int i = 0; i < items.size(); i++) Array.set(array, i, convert(items.get(i), item, known));
        return array;
    }

    @SuppressWarnings("unchecked")
    private static Object toCollection(Object value, Class<?> type, Type[] arguments, Map<TypeVariable<?>, Type> known) throws ReflectiveOperationException {
        List<?> items = value instanceof List ? (List<?>) value : List.of(value);
        Type item = arguments.length == 1 ? arguments[0] : Object.class;
        Collection<Object> made;
        if (type.isAssignableFrom(ArrayList.class)) made = new ArrayList<>(items.size());
        else if (type.isAssignableFrom(LinkedHashSet.class)) made = new LinkedHashSet<>();
        else if (type.isAssignableFrom(TreeSet.class)) made = new TreeSet<>();
        else if (type.isAssignableFrom(ArrayDeque.class)) made = new ArrayDeque<>();
        else made = (Collection<Object>) instance(type);
        for (Object each : items) made.add(convert(each, item, known));
        return made;
    }

    @SuppressWarnings("unchecked")
    private static Object toMap(Object value, Class<?> type, Type[] arguments, Map<TypeVariable<?>, Type> known) throws ReflectiveOperationException {
        if (!(value instanceof Map)) throw mismatch(value, type);
        Map<Object, Object> made;
        if (type.isAssignableFrom(LinkedHashMap.class)) made = new LinkedHashMap<>();
        else if (type.isAssignableFrom(TreeMap.class)) made = new TreeMap<>();
        else made = (Map<Object, Object>) instance(type);
        boolean typed = arguments.length == 2;
        for (Map.Entry<String, Object> entry : mapOf(value).entrySet()) {
            Object key = typed ? convert(entry.getKey(), arguments[0], known) : entry.getKey();
            made.put(key, typed ? convert(entry.getValue(), arguments[1], known) : entry.getValue());
        }
        return made;
    }

    private static Object toEnum(Object value, Class<?> type) {
        for (Object constant : type.getEnumConstants()) {
            if (((Enum<?>) constant).name().equals(value) || constant.toString().equals(value)) return constant;
        }
        throw mismatch(value, type);
    }

    /** By a constructor or a factory that takes one text, as most small value classes have. */
    private static Object toScalar(Object value, Class<?> type) throws ReflectiveOperationException {
        if (value instanceof List) throw mismatch(value, type);
        for (Object given : new Object[] {value, String.valueOf(value)}) {
            for (Constructor<?> constructor : type.getConstructors()) {
                if (takes(constructor, given)) return constructor.newInstance(given);
            }
            for (String name : List.of("parse", "valueOf", "of", "fromString")) {
                for (Method method : type.getMethods()) {
                    boolean makes = Modifier.isStatic(method.getModifiers()) && type.isAssignableFrom(method.getReturnType());
                    if (makes && method.getName().equals(name) && takes(method, given)) return method.invoke(null, given);
                }
            }
        }
        throw mismatch(value, type);
    }

    private static boolean takes(Executable executable, Object given) {
        Class<?>[] types = executable.getParameterTypes();
        return types.length == 1 && types[0] != Object.class && types[0].isInstance(given);
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> mapOf(Object value) {
        return (Map<String, Object>) value;
    }

    private static Object instance(Class<?> type) throws ReflectiveOperationException {
        Constructor<?> constructor = type.getDeclaredConstructor();
        constructor.setAccessible(true);
        return constructor.newInstance();
    }

    private static Object toRecord(Map<String, Object> values, Class<?> type, Map<TypeVariable<?>, Type> known) throws ReflectiveOperationException {
        RecordComponent[] components = type.getRecordComponents();
        Class<?>[] types = new Class<?>[components.length];
        Object[] arguments = new Object[components.length];
        Map<String, Object> lowered = lowered(values);
        for (int i = 0; i < components.length; i++) {
            String name = components[i].getName();
            Object value = values.containsKey(name) ? values.get(name) : lowered.get(name.toLowerCase(Locale.ROOT));
            types[i] = components[i].getType();
            arguments[i] = convert(value, components[i].getGenericType(), known);
        }
        Constructor<?> constructor = type.getDeclaredConstructor(types);
        constructor.setAccessible(true);
        return constructor.newInstance(arguments);
    }

    private static Map<String, Object> lowered(Map<String, Object> values) {
        Map<String, Object> lowered = new HashMap<>();
        values.forEach((name, value) -> lowered.putIfAbsent(name.toLowerCase(Locale.ROOT), value));
        return lowered;
    }

    private static Object toBean(Map<String, Object> values, Class<?> type, Map<TypeVariable<?>, Type> known) throws ReflectiveOperationException {
        if (type.isInterface() || Modifier.isAbstract(type.getModifiers())) throw mismatch(values, type);
        Object bean = instance(type);
        Map<String, Method> setters = new HashMap<>();
        Map<String, Method> anyCase = new HashMap<>();
        for (Method method : type.getMethods()) {
            if (method.getName().length() > 3 && method.getName().startsWith("set") && method.getParameterCount() == 1 && !method.isBridge()) {
                String name = method.getName().substring(3);
                setters.put(decapitalised(name), method);
                anyCase.put(name.toLowerCase(Locale.ROOT), method);
            }
        }
        for (Map.Entry<String, Object> entry : values.entrySet()) {
            Method setter = setters.get(entry.getKey());
            if (setter == null) setter = anyCase.get(entry.getKey().toLowerCase(Locale.ROOT));
            if (setter != null) {
                Class<?> raw = setter.getParameterTypes()[0];
                if (entry.getValue() == null && raw.isPrimitive()) continue;
                setter.setAccessible(true);
                setter.invoke(bean, convert(entry.getValue(), setter.getGenericParameterTypes()[0], bound(setter.getDeclaringClass(), type, known)));
            } else {
                setField(bean, type, entry, known);
            }
        }
        return bean;
    }

    /** Type variables of `declaring`, a superclass of `type`, as `type` says. */
    private static Map<TypeVariable<?>, Type> bound(Class<?> declaring, Class<?> type, Map<TypeVariable<?>, Type> known) {
        Map<TypeVariable<?>, Type> bound = new HashMap<>(known);
        for (Class<?> each = type; each != null && each != declaring; each = each.getSuperclass()) {
            if (each.getGenericSuperclass() instanceof ParameterizedType) {
                Type[] given = ((ParameterizedType) each.getGenericSuperclass()).getActualTypeArguments();
                TypeVariable<?>[] names = each.getSuperclass().getTypeParameters();
                for (int i = 0; i < given.length; i++) bound.put(names[i], bound.getOrDefault(given[i], given[i]));
            }
        }
        return bound;
    }

    private static void setField(Object bean, Class<?> type, Map.Entry<String, Object> entry, Map<TypeVariable<?>, Type> known) throws ReflectiveOperationException {
        for (Field field : type.getFields()) {
            int modifiers = field.getModifiers();
            if (field.getName().equalsIgnoreCase(entry.getKey()) && !Modifier.isStatic(modifiers) && !Modifier.isFinal(modifiers)) {
                field.set(bean, convert(entry.getValue(), field.getGenericType(), bound(field.getDeclaringClass(), type, known)));
            }
        }
    }

    /** As Jackson names properties: every capital at the beginning becomes small. */
    private static String decapitalised(String name) {
        int end = 0;
        while (end < name.length() && Character.isUpperCase(name.charAt(end))) end++;
        return name.substring(0, end).toLowerCase(Locale.ROOT) + name.substring(end);
    }

    // ---- writing -----------------------------------------------------------------------------------------------------

    /** The text of any value. */
    static String write(Object value) {
        StringBuilder out = new StringBuilder();
        try {
            write(out, value, 0);
        } catch (InvocationTargetException error) {
            throw new Malformed("Cannot read a value: " + error.getCause());
        } catch (ReflectiveOperationException error) {
            throw new Malformed("Cannot serialize " + value.getClass().getTypeName() + ": " + error.getMessage());
        }
        return out.toString();
    }

    private static void write(StringBuilder out, Object value, int depth) throws ReflectiveOperationException {
        if (depth > DEEPEST) throw new Malformed("A value is nested deeper than " + DEEPEST + ", or holds itself");
        if (value == null) out.append("null");
        else if (value instanceof CharSequence || value instanceof Character || value instanceof UUID) quote(out, value.toString());
        else if (value instanceof Boolean) out.append(value);
        else if (value instanceof Number) writeNumber(out, (Number) value);
        else if (value instanceof Enum) quote(out, ((Enum<?>) value).name());
        else if (value instanceof Map) writeMap(out, (Map<?, ?>) value, depth);
        else if (value instanceof Iterable && !(value instanceof java.nio.file.Path)) writeItems(out, (Iterable<?>) value, depth);
        else if (value instanceof byte[]) quote(out, Base64.getEncoder().encodeToString((byte[]) value));
        else if (value instanceof ByteBuffer) writeBytes(out, ((ByteBuffer) value).duplicate());
        else if (value.getClass().isArray()) writeArray(out, value, depth);
        else if (value instanceof Optional) write(out, ((Optional<?>) value).orElse(null), depth);
        else if (value instanceof Date) out.append(((Date) value).getTime());
        else if (value instanceof Calendar) out.append(((Calendar) value).getTimeInMillis());
        else if (value instanceof TemporalAccessor || value.getClass().getName().startsWith("java.")
                || value.getClass().getName().startsWith("org.joda.time.")) quote(out, value.toString());
        else writeBean(out, value, depth);
    }

    private static void writeNumber(StringBuilder out, Number value) {
        double number = value.doubleValue();
        boolean isReal = value instanceof Double || value instanceof Float;
        if (isReal && (Double.isNaN(number) || Double.isInfinite(number))) quote(out, value.toString());
        else out.append(value);
    }

    private static void writeBytes(StringBuilder out, ByteBuffer buffer) {
        byte[] data = new byte[buffer.remaining()];
        buffer.get(data);
        quote(out, Base64.getEncoder().encodeToString(data));
    }

    private static void writeMap(StringBuilder out, Map<?, ?> map, int depth) throws ReflectiveOperationException {
        char before = '{';
        for (Map.Entry<?, ?> entry : map.entrySet()) {
            out.append(before);
            Object key = entry.getKey();
            quote(out, key instanceof Enum ? ((Enum<?>) key).name() : String.valueOf(key));
            out.append(':');
            write(out, entry.getValue(), depth + 1);
            before = ',';
        }
        out.append(before == '{' ? "{}" : "}");
    }

    private static void writeItems(StringBuilder out, Iterable<?> items, int depth) throws ReflectiveOperationException {
        char before = '[';
        for (Object item : items) {
            out.append(before);
            write(out, item, depth + 1);
            before = ',';
        }
        out.append(before == '[' ? "[]" : "]");
    }

    private static void writeArray(StringBuilder out, Object array, int depth) throws ReflectiveOperationException {
        out.append('[');
        for (int i = 0; i < Array.getLength(array); i++) {
            if (i > 0) out.append(',');
            write(out, Array.get(array, i), depth + 1);
        }
        out.append(']');
    }

    /** What its getters give, in the order of its fields; nulls are left out. */
    private static void writeBean(StringBuilder out, Object bean, int depth) throws ReflectiveOperationException {
        Map<String, Object> values = new LinkedHashMap<>();
        for (Class<?> type = bean.getClass(); type != null && type != Object.class; type = type.getSuperclass()) {
            for (Field field : type.getDeclaredFields()) values.putIfAbsent(field.getName(), null);
        }
        for (Method method : bean.getClass().getMethods()) {
            String name = property(method, bean.getClass());
            if (name == null) continue;
            method.setAccessible(true);
            values.put(name, method.invoke(bean));
        }
        for (Field field : bean.getClass().getFields()) {
            if (!Modifier.isStatic(field.getModifiers()) && values.get(field.getName()) == null) {
                field.setAccessible(true);
                values.put(field.getName(), field.get(bean));
            }
        }
        values.values().removeIf(value -> value == null);
        writeMap(out, values, depth);
    }

    /** The name of the property that a method reads; null when it reads none. */
    private static String property(Method method, Class<?> type) {
        if (method.getParameterCount() > 0 || Modifier.isStatic(method.getModifiers()) || method.isBridge()) return null;
        if (method.getDeclaringClass() == Object.class || method.getReturnType() == void.class) return null;
        String name = method.getName();
        if (type.isRecord()) {
            for (RecordComponent component : type.getRecordComponents()) if (component.getName().equals(name)) return name;
        }
        boolean isBoolean = method.getReturnType() == boolean.class;
        if (name.startsWith("get") && name.length() > 3) return decapitalised(name.substring(3));
        return isBoolean && name.startsWith("is") && name.length() > 2 ? decapitalised(name.substring(2)) : null;
    }

    private static void quote(StringBuilder out, String text) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') out.append('\\').append(c);
            else if (c == '\n') out.append("\\n");
            else if (c == '\r') out.append("\\r");
            else if (c == '\t') out.append("\\t");
            else if (c < 0x20) out.append(String.format("\\u%04x", (int) c));
            else out.append(c);
        }
        out.append('"');
    }
}

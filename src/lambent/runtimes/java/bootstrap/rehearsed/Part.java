package rehearsed;

import java.util.List;

/** Its getters and setters are found by reflection, like those of any function's classes. */
public final class Part {
    private String name;
    private List<Integer> numbers;

    public String getName() {
        return name;
    }

    public void setName(String name) {
        this.name = name;
    }

    public List<Integer> getNumbers() {
        return numbers;
    }

    public void setNumbers(List<Integer> numbers) {
        this.numbers = numbers;
    }
}
